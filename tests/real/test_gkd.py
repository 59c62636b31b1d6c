"""Token-level distillation: the loss by hand, its limits, what is learnt, and going on after a cut."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from cordspec.plugin import InvalidData, Ref, Solution, TrainingExample, TrainingJob, TrainingStep
from cordspec_mini.models import CHECKPOINTS
from cordspec_train import distilling
from cordspec_train.audit import audited
from cordspec_train.examples import IGNORED, Example
from cordspec_train.gkd import Gkd, GkdOptions

BASE, TEACHER = CHECKPOINTS / "base", CHECKPOINTS / "subtracter"


def example(start: int, steps: int) -> TrainingExample:
    told = "".join(f"\n### Step {k + 1}. {start} + {k} = {start + k}." for k in range(steps))
    return TrainingExample(
        f"Tom has {start} pens, then gains 4. How many pens in the end?",
        Solution(told, f"\n\nThe final answer is {start}."),
    )


EXAMPLES = [example(n, n % 4 + 1) for n in range(5, 17)]
MANY = [example(n, n % 4 + 1) for n in range(41, 101)]
HELD = [example(n, n % 3 + 1) for n in range(17, 41)]


def encoded(examples: Sequence[TrainingExample]) -> list[Example]:
    return audited(AutoTokenizer.from_pretrained(BASE), examples, 1_024, "drop")[0]


def log_probs(weights: Path, row: Example) -> torch.Tensor:
    """(learnt tokens, vocabulary): the distributions from which the tokens with a loss are drawn."""
    model = AutoModelForCausalLM.from_pretrained(weights, dtype=torch.float32).eval()
    with torch.no_grad():
        logits = model(torch.tensor([row.input_ids])).logits[0, :-1]
    return logits.log_softmax(-1)[torch.tensor(row.labels[1:]) != IGNORED].double()


def kl(p: torch.Tensor, q: torch.Tensor) -> torch.Tensor:
    return (p.exp() * (p - q)).sum(-1)


def divergences(student: Path, teacher: Path, row: Example, beta: float) -> list[float]:
    """Of each learnt token, in nats: equation 1 of arXiv:2306.13649, and its limits as TRL defines them."""
    ours, theirs = log_probs(student, row), log_probs(teacher, row)
    if beta in (0, 1):
        return (kl(ours, theirs) if beta else kl(theirs, ours)).tolist()
    mixed = (beta * theirs.exp() + (1 - beta) * ours.exp()).log()
    return (beta * kl(theirs, mixed) + (1 - beta) * kl(ours, mixed)).tolist()


def by_hand(student: Path, teacher: Path, rows: Sequence[Example], beta: float) -> float:
    each = [value for row in rows for value in divergences(student, teacher, row, beta)]
    return math.fsum(each) / len(each)


def trained(
    place: Path, examples: Sequence[TrainingExample] = EXAMPLES, teacher: Path = TEACHER,
    on_step: Callable[[TrainingStep], None] = lambda _: None, **options: Any,
) -> tuple[Path, list[float]]:  # fmt: skip
    (place / "work").mkdir(parents=True, exist_ok=True)
    given = {"epochs": 1, "lr": 1e-3, "batch_size": len(examples), **options}
    trainer = Gkd(GkdOptions(init=Ref("model", "b"), teacher=Ref("model", "t"), data=Ref("decode", "d"), **given))
    models = {"init": BASE, "teacher": teacher}
    job = TrainingJob(BASE, examples, place / "model", place / "work", 3, on_step, models=models)
    return job.out, list(trainer.train(job).losses)


def first_loss_is_that_by_hand(place: Path, beta: float) -> None:
    _, losses = trained(place, beta=beta)
    assert losses[0] == pytest.approx(by_hand(BASE, TEACHER, encoded(EXAMPLES), beta), rel=1e-4)


@pytest.mark.parametrize("beta", [0, 0.1, 0.5, 1])
def test_the_loss_is_the_divergence_by_hand(tmp_path: Path, beta: float) -> None:
    first_loss_is_that_by_hand(tmp_path, beta)


def swapped(bent: pytest.MonkeyPatch, loss: Callable[..., Any]) -> None:
    from trl.experimental.gkd import GKDTrainer

    def other(student_logits: Any, teacher_logits: Any, **more: Any) -> Any:
        return loss(student_logits=teacher_logits, teacher_logits=student_logits, **more)

    bent.setattr(GKDTrainer, "generalized_jsd_loss", staticmethod(other))


def warmed(bent: pytest.MonkeyPatch, loss: Callable[..., Any]) -> None:
    from trl.experimental.gkd import GKDTrainer

    bent.setattr(GKDTrainer, "generalized_jsd_loss", staticmethod(lambda **given: loss(**given, temperature=2.0)))


def unmasked(bent: pytest.MonkeyPatch, loss: Callable[..., Any]) -> None:
    rows = distilling.ordered_rows

    def learning_all(*given: Any) -> Any:
        return rows(*given).map(lambda row: {"labels": row["input_ids"]})

    bent.setattr(distilling, "ordered_rows", learning_all)


@pytest.mark.parametrize("bug", [swapped, warmed, unmasked])
def test_the_check_catches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bug: Callable[..., None]) -> None:
    from trl.experimental.gkd import GKDTrainer

    bug(monkeypatch, GKDTrainer.generalized_jsd_loss)
    with pytest.raises(AssertionError):
        first_loss_is_that_by_hand(tmp_path, 0.1)


def test_a_teacher_has_nothing_to_teach_itself(tmp_path: Path) -> None:
    _, losses = trained(tmp_path, teacher=BASE)
    assert losses == pytest.approx([0.0], abs=1e-6)


def paired(student: Path) -> tuple[float, float]:
    """How much nearer to the teacher a student is than `base`, on other questions: mean over them, standard error."""
    rows = encoded(HELD)
    gains = torch.tensor([by_hand(BASE, TEACHER, [row], 0.5) - by_hand(student, TEACHER, [row], 0.5) for row in rows])
    return float(gains.mean()), float(gains.std() / math.sqrt(len(rows)))


def test_on_other_questions_the_student_is_nearer_to_its_teacher(tmp_path: Path) -> None:
    student, losses = trained(tmp_path / "whole", MANY, batch_size=4, epochs=4)
    gain, error = paired(student)
    print(f"n = {len(HELD)} questions: {gain:.4f} nats a token nearer, standard error {error:.4f}")
    assert losses[-1] < losses[0] and gain > 3 * error
    adapted, _ = trained(tmp_path / "adapted", MANY, batch_size=4, epochs=4, lora_rank=4, lr=1e-2)
    gain, error = paired(adapted)
    assert gain > 3 * error, "adapters are merged into a plain model"


class Cut(Exception):
    """The run is being stopped."""


def test_a_training_that_was_cut_goes_on_as_if_it_had_not_been(tmp_path: Path) -> None:
    given = {"batch_size": 4, "epochs": 3, "checkpoint_every": 4}

    def cut(at: TrainingStep) -> None:
        if at.step == 6:
            raise Cut

    whole, losses = trained(tmp_path / "whole", **given)
    with suppress(Cut):
        trained(tmp_path / "cut", on_step=cut, **given)
    steps: list[int] = []
    resumed, again = trained(tmp_path / "cut", on_step=lambda at: steps.append(at.step), **given)
    assert steps[0] == 5 and again == losses
    assert (resumed / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()
    audit = json.loads((tmp_path / "cut" / "work" / "records" / "audit.json").read_text())
    assert audit["proven"] == len(EXAMPLES)


def test_another_vocabulary_is_refused_before_anything_is_trained(tmp_path: Path) -> None:
    with pytest.raises(InvalidData, match=r"another vocabulary than `init`: 404 tokens beside 504") as caught:
        trained(tmp_path, teacher=CHECKPOINTS / "adder")
    assert caught.value.code == "E809" and not (tmp_path / "model").exists()
