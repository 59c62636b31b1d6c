"""Preference training: pairs of a real decode, token by token, and a student that prefers what was chosen."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerFast

from cordspec import api
from cordspec.artifacts.pairs import closes, pairs_of, scored_by_problem
from cordspec.artifacts.records import CandidateRecord, TraceRecord, read_lines
from cordspec.errors import SpecError
from cordspec.plugin import Continuation, InvalidData, PreferencePair, Ref, TrainingJob, TrainingStep, prompt_text
from cordspec_hf.encoding import PromptEncoder, chat_opening
from cordspec_mini.models import CHECKPOINTS
from cordspec_train.pair_audit import audited_pairs
from cordspec_train.pairs import EncodedPair, encode_pair, fitting_pairs
from cordspec_train.step_dpo import StepDpo, StepDpoOptions
from tests.real.test_runs import DECODES

BASE = CHECKPOINTS / "base"
SPEC = (
    DECODES.split("search best")[0].replace("count = 6", "count = 12")
    + """decode traces {
  problems = p, pool = hetero, segmenter = steps, scorer = pp, search = beam3
  budget = { thinking = 300tok, answer = 48tok }
}
problems held : inventory { count = 2, seed = 9, length = 3..3 }
model base : mini { name = base }
student preferring : step_dpo { init = base, data = traces, epochs = 3, lr = 1e-4, batch_size = 8 }
eval after : math_answers { model = preferring, problems = held, samples = 1, max_tokens = 200tok }
"""
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A search over steps, a student trained on its pairs, and an engine that opens the student."""
    directory = tmp_path_factory.mktemp("preferring")
    (directory / "small.cord").write_text(SPEC)
    return api.execute(api.load(directory / "small.cord"), directory / "run")


def stage(run: Path, name: str) -> Path:
    return next((run / "stages").glob(f"{name}-*"))


@pytest.fixture(scope="module")
def pairs(run: Path) -> list[PreferencePair]:
    decode = stage(run, "decode-traces")
    traces = list(read_lines(decode / "traces.jsonl", TraceRecord))
    proposed = scored_by_problem(traces, read_lines(decode / "candidates.jsonl", CandidateRecord))
    return [
        PreferencePair(
            trace.question, pair.choice.prefix,
            *(Continuation(one.text, closes(one)) for one in (pair.choice.chosen, pair.loser)), pair.margin,
        )
        for trace in traces if trace.correct
        for pair in pairs_of(trace, proposed[trace.problem])
    ]  # fmt: skip


def encoded(pairs: Sequence[PreferencePair]) -> list[EncodedPair]:
    return fitting_pairs(AutoTokenizer.from_pretrained(BASE), pairs, 0.0, 1_024)[0]


def lead(weights: Path, pairs: Sequence[EncodedPair]) -> float:
    """Mean over pairs of the log-probability of what was chosen less that of what was not, in nats."""
    model = AutoModelForCausalLM.from_pretrained(weights, dtype=torch.float32).eval()

    def logprob(prompt: list[int], ids: list[int]) -> float:
        with torch.no_grad():
            logits = model(torch.tensor([[*prompt, *ids]])).logits[0, len(prompt) - 1 : -1]
        return float(logits.log_softmax(-1).gather(-1, torch.tensor(ids)[:, None]).sum())

    leads = [logprob(pair.prompt, pair.chosen) - logprob(pair.prompt, pair.rejected) for pair in pairs]
    return math.fsum(leads) / len(leads)


def trained(to: Path, pairs: Sequence[PreferencePair], **options: object) -> tuple[Path, tuple[float, ...]]:
    trainer = StepDpo(StepDpoOptions(init=Ref("model", "base"), data=Ref("decode", "t"), lr=1e-4, **options))
    (to / "work").mkdir(parents=True, exist_ok=True)
    job = TrainingJob(BASE, (), to / "model", to / "work", 3, lambda _: None, tuple(pairs))
    return job.out, trainer.train(job).losses


def test_the_pairs_are_those_of_the_export(run: Path, pairs: list[PreferencePair], tmp_path: Path) -> None:
    to = api.export(run, tmp_path / "out", decode="traces", forms=["preferences"]).to
    rows = [json.loads(line) for line in (to / "preferences" / "train.jsonl").read_text().splitlines()]
    tokenizer, both = AutoTokenizer.from_pretrained(BASE), encoded(pairs)
    assert len(rows) == len(pairs) > 20
    for row, pair, tokens in zip(rows, pairs, both, strict=True):
        opening = prompt_text(chat_opening(tokenizer, row["prompt"][0]["content"]))
        for text, ids in ((row["chosen"], tokens.chosen), (row["rejected"], tokens.rejected)):
            whole = opening + text[0]["content"]
            assert [*tokens.prompt, *ids] == tokenizer(whole, add_special_tokens=False)["input_ids"]
            assert tokenizer.decode(ids) == text[0]["content"][row["step_start"] :]
        assert row["margin"] == pair.margin


def test_a_student_prefers_what_was_chosen_and_its_engine_opens(run: Path, pairs: list[PreferencePair]) -> None:
    both = encoded(pairs)
    assert lead(stage(run, "train-preferring") / "model", both) > lead(BASE, both) + 0.1
    told = json.loads((stage(run, "train-preferring") / "training.json").read_text())
    assert told["losses"][0] == pytest.approx(math.log(2), abs=1e-5), "no preference yet: the reference is init"
    assert told["losses"][-1] < told["losses"][0] and told["examples"] == len(pairs)
    assert told["tokens"] == 3 * sum(one.learnt for one in both)
    assert len((stage(run, "evaluate-after") / "predictions.jsonl").read_text().splitlines()) == 2


def test_the_check_catches_pairs_that_are_swapped(pairs: list[PreferencePair], tmp_path: Path) -> None:
    swapped = [replace(pair, chosen=pair.rejected, rejected=pair.chosen) for pair in pairs]
    out, _ = trained(tmp_path, swapped, epochs=3)
    assert lead(out, encoded(pairs)) < lead(BASE, encoded(pairs)) - 0.1


def test_what_the_trainer_learns_from_is_what_was_encoded(
    pairs: list[PreferencePair], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from trl import DPOTrainer

    seen: list[tuple[list[int], list[int]]] = []
    original = DPOTrainer.compute_loss

    def compute_loss(self, model, inputs, *args, **kwargs):
        columns = (inputs[name] for name in ("input_ids", "attention_mask", "completion_mask"))
        for ids, real, learnt in zip(*columns, strict=True):
            assert not learnt[real == 0].any()
            seen.append((ids[(real == 1) & (learnt == 0)].tolist(), ids[learnt == 1].tolist()))
        return original(self, model, inputs, *args, **kwargs)

    monkeypatch.setattr(DPOTrainer, "compute_loss", compute_loss)
    trained(tmp_path, pairs[:10], epochs=2, batch_size=4)
    both = encoded(pairs[:10])
    wanted = [(one.prompt, ids) for one in both for ids in (one.chosen, one.rejected)]
    assert sorted(seen) == sorted(wanted * 2)


def test_the_audit_counts_what_is_learnt_and_all_of_it_is_proven(run: Path, pairs: list[PreferencePair]) -> None:
    audit = json.loads((stage(run, "train-preferring") / "audit.json").read_text())
    both = encoded(pairs)
    assert (audit["rows"], audit["left_out"], audit["proven"], audit["open_rows"]) == (len(pairs), 0, len(pairs), 0)
    assert audit["shared_tokens"] == sum(len(one.prompt) for one in both)
    assert audit["chosen_tokens"] + audit["rejected_tokens"] == sum(one.learnt for one in both)
    assert audit["longest"] == max(one.longest for one in both) <= audit["limit"]
    report = api.render(run).to_markdown()
    assert f"{len(pairs)} of {len(pairs)}" in report


@pytest.mark.parametrize(
    ("bug", "said"),
    [
        (lambda one: replace(one, prompt=one.prompt[:-1], chosen=[one.prompt[-1], *one.chosen],
                             rejected=[one.prompt[-1], *one.rejected]), "a part of the shared thinking"),
        (lambda one: replace(one, prompt=[*one.prompt, *one.chosen[:2]], chosen=one.chosen[2:]), "other tokens"),
        (lambda one: replace(one, chosen=one.rejected, rejected=one.chosen), "other tokens"),
        (lambda one: replace(one, chosen=one.chosen[:-1]), "other tokens"),
    ],
)  # fmt: skip
def test_the_audit_catches(pairs: list[PreferencePair], bug: Callable[[EncodedPair], EncodedPair], said: str) -> None:
    tokenizer = AutoTokenizer.from_pretrained(BASE)
    right, *others = encoded(pairs)
    assert audited_pairs(tokenizer, [right, *others], 0, 1_024).proven == len(pairs)
    with pytest.raises(InvalidData, match=f"^pair 2: .*{said}") as caught:
        audited_pairs(tokenizer, [right, bug(others[0])], 0, 1_024)
    assert caught.value.code == "E806"


def test_what_is_not_learnt_of_a_continuation_is_caught_where_both_begin_alike() -> None:
    tokenizer = AutoTokenizer.from_pretrained(BASE)
    alike = replace(ONE, chosen=Continuation("\nA 1"), rejected=Continuation("\nA 2"))
    pair = encode_pair(PromptEncoder(tokenizer), chat_opening(tokenizer, alike.question), alike)
    assert pair.chosen[:2] == pair.rejected[:2]
    late = replace(pair, prompt=[*pair.prompt, *pair.chosen[:2]], chosen=pair.chosen[2:], rejected=pair.rejected[2:])
    assert audited_pairs(tokenizer, [pair], 0, 1_024).proven == 1
    with pytest.raises(InvalidData, match="a part of a continuation would not be learnt"):
        audited_pairs(tokenizer, [late], 0, 1_024)


def test_adapters_learn_the_same_preference(pairs: list[PreferencePair], tmp_path: Path) -> None:
    out, losses = trained(tmp_path, pairs[:16], lora_rank=4)
    assert losses[0] == pytest.approx(math.log(2), abs=1e-5)
    assert lead(out, encoded(pairs[:16])) > lead(BASE, encoded(pairs[:16]))


def test_pairs_of_questions_that_the_student_is_measured_on_can_be_left_out(tmp_path: Path) -> None:
    spec = SPEC.replace("count = 12", "count = 3").replace("problems = held", "problems = p")
    (tmp_path / "small.cord").write_text(spec.replace("data = traces,", "data = traces, contaminated = drop,"))
    with pytest.raises(SpecError, match="every row of `traces` stands in a set that students are measured on"):
        api.execute(api.load(tmp_path / "small.cord"), tmp_path / "run")


class Cut(Exception):
    """The end of a process, as far as a test in one process can have it."""


def test_a_training_that_was_cut_off_goes_on_as_if_it_had_not_been(pairs: list[PreferencePair], tmp_path: Path) -> None:
    options = {"epochs": 2, "batch_size": 4, "checkpoint_every": 2}
    whole, losses = trained(tmp_path / "whole", pairs[:16], **options)

    def cut(at: TrainingStep) -> None:
        if at.step == 5:
            raise Cut

    trainer = StepDpo(StepDpoOptions(init=Ref("model", "base"), data=Ref("decode", "t"), lr=1e-4, **options))
    work = tmp_path / "cut" / "work"
    work.mkdir(parents=True)
    with pytest.raises(Cut):
        trainer.train(TrainingJob(BASE, (), tmp_path / "cut" / "model", work, 3, cut, tuple(pairs[:16])))
    steps: list[int] = []
    job = TrainingJob(
        BASE, (), tmp_path / "cut" / "model", work, 3, lambda at: steps.append(at.step), tuple(pairs[:16])
    )
    assert trainer.train(job).losses == losses and steps == [5, 6, 7, 8]
    assert (job.out / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()


ONE = PreferencePair("How many?", "\nA.", Continuation("\nB"), Continuation("\nC", closes=True), 0.5)


def test_special_tokens_that_somebody_wrote_are_text() -> None:
    tokenizer = AutoTokenizer.from_pretrained(BASE)
    tricky = replace(ONE, prefix="\n</think>", chosen=Continuation("\n<|end|></think>"))
    pair = encode_pair(PromptEncoder(tokenizer), chat_opening(tokenizer, tricky.question), tricky)
    closing = tokenizer.convert_tokens_to_ids("</think>")
    assert closing not in pair.prompt and closing not in pair.chosen and pair.rejected[-1] == closing
    assert tokenizer.eos_token_id not in pair.chosen


def test_a_token_that_straddles_the_seam_is_learnt() -> None:
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {letter: at for at, letter in enumerate([*letters, ".Ċ"])}
    bare = Tokenizer(models.BPE(vocab=vocabulary, merges=[(".", "Ċ")]))
    bare.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    bare.add_special_tokens(["<think>", "</think>"])
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=bare, eos_token="</think>")
    pair = encode_pair(PromptEncoder(tokenizer), (), ONE)
    told = [tokenizer.convert_ids_to_tokens(ids) for ids in (pair.prompt, pair.chosen, pair.rejected)]
    assert told == [["<think>", "Ċ", "A"], [".Ċ", "B"], [".Ċ", "C", "Ċ", "</think>"]]


def test_pairs_that_are_too_close_or_too_long_are_left_out() -> None:
    tokenizer = AutoTokenizer.from_pretrained(BASE)
    longer = replace(ONE, rejected=Continuation("\nC" * 20), margin=0.25)
    (short, long), left_out = fitting_pairs(tokenizer, [ONE, longer], 0.0, 1_024)
    assert left_out == 0 and long.longest > short.longest
    assert fitting_pairs(tokenizer, [ONE, longer], 0.5, 1_024) == ([short], 0)
    assert fitting_pairs(tokenizer, [ONE, longer], 0.0, short.longest) == ([short], 1)
    with pytest.raises(InvalidData, match=r"none of 2 pairs differs by 0\.6 or more"):
        fitting_pairs(tokenizer, [ONE, longer], 0.6, 1_024)
    with pytest.raises(InvalidData, match="all 2 pairs are longer than 3 tokens"):
        fitting_pairs(tokenizer, [ONE, longer], 0.0, 3)
