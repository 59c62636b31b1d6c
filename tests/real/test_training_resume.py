"""A training that is cut off goes on as if it had not been: same losses, same examples in the same order, same weights."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, Trainer, set_seed

from cordspec.plugin import Failed, Ref, Solution, TrainingExample, TrainingJob, TrainingStep
from cordspec_mini.models import CHECKPOINTS
from cordspec_train import commits, fitting, preflight
from cordspec_train.audit import audited
from cordspec_train.fitting import ONE_DEVICE, FitSettings, Place, fit
from cordspec_train.sft import Sft, SftOptions
from cordspec_train.watching import Done

BASE = CHECKPOINTS / "base"
EXAMPLES = [
    TrainingExample(
        f"Tom has {n} pens, then gains 4. How many pens in the end?",
        Solution(
            "".join(f"\n### Step {k + 1}. {n} + {k} = {n + k}." for k in range(n % 4 + 1)),
            f"\n\nThe final answer is {n}.",
        ),
    )
    for n in range(5, 18)
]
SETTINGS = FitSettings(epochs=3, batch_size=4, lr=1e-3, seed=3, checkpoint_every=3)
Resumed = Callable[[Path, commits.Layout], Path | None]


class Cut(Exception):
    """The end of a process, as far as a test in one process can have it."""


def attempt(
    work: Path, resumed: Resumed, until: int | None = None
) -> tuple[list[Done], list[float], dict[str, torch.Tensor]]:
    """A training from the beginning or from a checkpoint; it is cut off after ``until`` steps."""
    work.mkdir(exist_ok=True)
    tokenizer = AutoTokenizer.from_pretrained(BASE)
    set_seed(3)
    model = AutoModelForCausalLM.from_pretrained(BASE, dtype=torch.float32)
    rows, _ = audited(tokenizer, EXAMPLES, 1024, "drop")
    done: list[Done] = []

    def tell(step: Done) -> None:
        done.append(step)
        if step.step == until:
            raise Cut

    losses: list[float] = []
    with suppress(Cut):
        losses = fit(model, tokenizer, rows, SETTINGS, Place(work, resumed(work, ONE_DEVICE), ONE_DEVICE), tell)
    return done, losses, model.state_dict()


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Done], list[float], dict[str, torch.Tensor]]:
    return attempt(tmp_path_factory.mktemp("whole"), preflight.resumed)


def facts(steps: list[Done]) -> list[tuple[int, float, tuple[int, ...]]]:
    return [(one.step, one.loss, one.examples) for one in steps]


def goes_on_as_if_nothing_had_happened(uninterrupted, work: Path, resumed: Resumed) -> None:
    """After an end between two steps (5), and the checkpoint that it goes on from (3)."""
    whole, losses, weights = uninterrupted
    first, _, _ = attempt(work, preflight.resumed, until=5)
    rest, all_losses, resumed_weights = attempt(work, resumed)
    assert rest[0].step == 4
    assert facts(first[:3]) + facts(rest) == facts(whole)
    assert all_losses == losses
    assert all(torch.equal(weights[name], resumed_weights[name]) for name in weights)


def test_a_training_that_ended_between_two_steps_goes_on(uninterrupted, tmp_path: Path) -> None:
    whole, losses, _ = uninterrupted
    assert len(whole) == len(losses) == 10 and [one.step for one in whole] == list(range(1, 11))
    taken = [number for one in whole for number in one.examples]
    assert sorted(taken) == sorted([*range(13)] * 3), "every example once an epoch"
    goes_on_as_if_nothing_had_happened(uninterrupted, tmp_path / "run", preflight.resumed)


def test_the_check_catches_a_sampler_that_begins_again(
    uninterrupted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = fitting.common_arguments
    monkeypatch.setattr(fitting, "common_arguments", lambda *a: {**told(*a), "ignore_data_skip": True})
    with pytest.raises(AssertionError):
        goes_on_as_if_nothing_had_happened(uninterrupted, tmp_path / "run", preflight.resumed)


def highest_number(root: Path, layout: commits.Layout) -> Path | None:
    return max(root.glob("checkpoint-*"), key=lambda path: int(path.name.removeprefix("checkpoint-")), default=None)


@pytest.mark.parametrize("place", ["_save_optimizer_and_scheduler", "_save_rng_state"])
def test_a_training_that_ended_while_it_saved_goes_on_from_the_checkpoint_before(
    uninterrupted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    whole, losses, weights = uninterrupted

    def cut(self, *arguments):
        if self.state.global_step == 6:
            raise Cut
        return saved(self, *arguments)

    for name, resumed in (("right", preflight.resumed), ("wrong", highest_number)):
        saved = getattr(Trainer, place)
        with monkeypatch.context() as patch:
            patch.setattr(Trainer, place, cut)
            attempt(tmp_path / name, preflight.resumed)
        assert (tmp_path / name / "checkpoint-6").is_dir(), "half of it is there"
        if name == "right":
            rest, all_losses, resumed_weights = attempt(tmp_path / name, resumed)
            assert rest[0].step == 4 and facts(rest) == facts(whole[3:]) and all_losses == losses
            assert all(torch.equal(weights[one], resumed_weights[one]) for one in weights)
        else:
            with pytest.raises((OSError, AssertionError)):
                assert facts(attempt(tmp_path / name, resumed)[0]) == facts(whole[6:])


def test_a_training_that_ended_before_it_was_exported_has_nothing_to_do_again(uninterrupted, tmp_path: Path) -> None:
    _, losses, weights = uninterrupted
    attempt(tmp_path / "run", preflight.resumed)
    done, all_losses, resumed_weights = attempt(tmp_path / "run", preflight.resumed)
    assert done == [] and all_losses == losses
    assert all(torch.equal(weights[name], resumed_weights[name]) for name in weights)
    assert len(list((tmp_path / "run").glob("checkpoint-*/COMMIT.json"))) == commits.KEPT


def test_adapters_are_trained_resumed_and_merged_into_a_plain_model(tmp_path: Path) -> None:
    """Only linear layers of the blocks change; the student has the names and shapes of its base."""
    options = SftOptions(
        init=Ref("model", "m"),
        data=Ref("decode", "d"),
        epochs=3,
        batch_size=4,
        lr=1e-2,
        checkpoint_every=3,
        lora_rank=4,
    )

    def train(place: Path, until: int | None = None) -> tuple[tuple[float, ...], dict[str, torch.Tensor]]:
        def on_step(at: TrainingStep) -> None:
            if at.step == until:
                raise Cut

        (place / "work").mkdir(parents=True, exist_ok=True)
        outcome = Sft(options).train(TrainingJob(BASE, EXAMPLES, place / "model", place / "work", 3, on_step))
        return outcome.losses, AutoModelForCausalLM.from_pretrained(place / "model").state_dict()

    losses, weights = train(tmp_path / "whole")
    assert losses[-1] < losses[0]
    before = AutoModelForCausalLM.from_pretrained(BASE, dtype=torch.float32).state_dict()
    assert weights.keys() == before.keys()
    changed = {name for name in before if not torch.equal(before[name], weights[name])}
    assert changed and all("_proj" in name for name in changed)
    with pytest.raises(Cut):
        train(tmp_path / "cut", until=5)
    assert not (tmp_path / "cut" / "model").exists()
    again, resumed = train(tmp_path / "cut")
    assert again == losses and all(torch.equal(weights[name], resumed[name]) for name in weights)


def test_a_loss_that_is_no_number_names_the_last_good_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from trl import SFTTrainer

    computed = SFTTrainer.compute_loss

    def poisoned(self, *args, **kwargs):
        loss = computed(self, *args, **kwargs)
        return loss * float("nan") if self.state.global_step == 7 else loss

    monkeypatch.setattr(SFTTrainer, "compute_loss", poisoned)
    options = SftOptions(
        init=Ref("model", "m"), data=Ref("decode", "d"), epochs=3, batch_size=4, lr=1e-3, checkpoint_every=4
    )
    job = TrainingJob(BASE, EXAMPLES, tmp_path / "model", tmp_path / "work", 3, lambda _: None)
    job.work.mkdir()
    with pytest.raises(
        Failed, match=r"not a number after 8 steps; the last good checkpoint is .*checkpoint-4"
    ) as caught:
        Sft(options).train(job)
    assert caught.value.code == "E803"
    assert [path.name for path in job.work.glob("checkpoint-*")] == ["checkpoint-4"], "no poisoned weights are kept"
    assert json.loads((job.records / "audit.json").read_text())["rows"] == 13


def test_a_loss_that_spikes_ends_the_training_where_a_spec_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same training goes through without the rule, and a resumed one judges by the losses before the cut."""
    from trl import SFTTrainer

    computed = SFTTrainer.compute_loss

    def spiking(self, *args, **kwargs):
        loss = computed(self, *args, **kwargs)
        return loss * 30 if self.state.global_step == 26 else loss

    monkeypatch.setattr(SFTTrainer, "compute_loss", spiking)

    def train(name: str, loss_spike: float | None, until: int = 0) -> tuple[float, ...]:
        def on_step(at: TrainingStep) -> None:
            if at.step == until:
                raise Cut

        options = SftOptions(
            init=Ref("model", "m"), data=Ref("decode", "d"), epochs=10, batch_size=4, lr=1e-5, checkpoint_every=11,
            loss_spike=loss_spike,
        )  # fmt: skip
        job = TrainingJob(BASE, EXAMPLES, tmp_path / name / "model", tmp_path / name / "work", 3, on_step)
        job.work.mkdir(parents=True, exist_ok=True)
        return Sft(options).train(job).losses

    said = r"after 27 steps, more than `loss_spike` \(4\) times the median of the 20 before, .*the last good checkpoint is .*checkpoint-22"
    with pytest.raises(Failed, match=said) as caught:
        train("whole", 4.0)
    assert caught.value.code == "E803"
    with pytest.raises(Cut):
        train("cut", 4.0, until=25)
    with pytest.raises(Failed, match=said):
        train("cut", 4.0)
    assert len(train("whole", None)) == len(train("without", 40.0)) > 27
