"""Training: the loss is on the assistant's turn only, token by token, as the trainer itself sees it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoModelForCausalLM, AutoTokenizer

from cordspec.plugin import InvalidData, Ref, Solution, TrainingExample, TrainingJob, prompt_text
from cordspec_hf.encoding import PromptEncoder, chat_opening
from cordspec_mini.models import CHECKPOINTS
from cordspec_train.examples import IGNORED, encode_example
from cordspec_train.ordering import epoch_order, training_order
from cordspec_train.sft import Sft, SftOptions

EXAMPLES = [
    TrainingExample(
        f"Tom has {n} pens, then gains 4. How many pens in the end?",
        Solution(f"\n### Step 1. {n} + 4 = {n + 4}.", f"\n\nThe final answer is {n + 4}."),
    )
    for n in range(5, 17)
]


@pytest.mark.parametrize("name", ["adder", "base"])
def test_every_label_is_a_token_of_the_assistants_turn(name: str) -> None:
    tokenizer = AutoTokenizer.from_pretrained(CHECKPOINTS / name)
    encoder = PromptEncoder(tokenizer)
    for one in EXAMPLES:
        opening = chat_opening(tokenizer, one.question)
        example = encode_example(encoder, opening, one.solution, tokenizer.eos_token)
        learnt = [label for label in example.labels if label != IGNORED]
        first = example.labels.index(learnt[0])
        assert all(label == IGNORED for label in example.labels[:first])
        assert example.labels[first:] == example.input_ids[first:]
        assert tokenizer.decode(example.input_ids[:first]) == prompt_text(opening)
        turn = f"<think>{one.solution.thinking}\n</think>{one.solution.answer}<|end|>"
        assert tokenizer.decode(learnt) == turn
        assert example.input_ids == tokenizer(prompt_text(opening) + turn, add_special_tokens=False)["input_ids"]


def train(tmp_path: Path, **options: object) -> tuple[Path, object]:
    trainer = Sft(SftOptions(init=Ref("model", "base"), data=Ref("decode", "t"), **options))
    out = tmp_path / "stage" / "model"
    out.parent.mkdir()
    job = TrainingJob(CHECKPOINTS / "base", EXAMPLES, out, tmp_path / "work", 3, lambda _: None)
    job.work.mkdir()
    return out, trainer.train(job)


def test_what_the_trainer_learns_from_is_what_was_encoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from trl import SFTTrainer

    seen: list[tuple[list[int], list[int]]] = []
    original = SFTTrainer.compute_loss

    def compute_loss(self, model, inputs, *args, **kwargs):
        seen.extend(zip(inputs["input_ids"].tolist(), inputs["labels"].tolist(), strict=True))
        return original(self, model, inputs, *args, **kwargs)

    monkeypatch.setattr(SFTTrainer, "compute_loss", compute_loss)
    train(tmp_path, epochs=2, batch_size=4)
    tokenizer = AutoTokenizer.from_pretrained(CHECKPOINTS / "base")
    encoder = PromptEncoder(tokenizer)
    wanted = sorted(
        (e.input_ids, e.labels)
        for one in EXAMPLES
        for e in [encode_example(encoder, chat_opening(tokenizer, one.question), one.solution, tokenizer.eos_token)]
    )
    stripped = sorted(
        (
            [t for t in ids if t != tokenizer.pad_token_id],
            labels[: len([t for t in ids if t != tokenizer.pad_token_id])],
        )
        for ids, labels in seen
    )
    assert stripped == sorted(wanted * 2)
    assert all(
        label == IGNORED
        for ids, labels in seen
        for t, label in zip(ids, labels, strict=True)
        if t == tokenizer.pad_token_id
    )


def test_a_student_learns_is_saved_and_repeats(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    out, outcome = train(tmp_path / "a", epochs=30, lr=2e-3)
    again, _ = train(tmp_path / "b", epochs=30, lr=2e-3)
    assert outcome.losses[-1] < outcome.losses[0]
    model = AutoModelForCausalLM.from_pretrained(out)
    base = AutoModelForCausalLM.from_pretrained(CHECKPOINTS / "base", dtype=torch.float32)
    assert any(not torch.equal(a, b) for a, b in zip(model.parameters(), base.parameters(), strict=True))
    assert (out / "model.safetensors").read_bytes() == (again / "model.safetensors").read_bytes()


def test_examples_that_are_too_long_are_left_out_and_counted(tmp_path: Path) -> None:
    lengths = sorted(
        len(encode_example(PromptEncoder(t), chat_opening(t, one.question), one.solution, t.eos_token).input_ids)
        for t in [AutoTokenizer.from_pretrained(CHECKPOINTS / "base")]
        for one in EXAMPLES
    )
    with pytest.raises(InvalidData, match="longer than"):
        train(tmp_path, max_length=lengths[0] - 1, epochs=1)


@given(
    st.lists(st.integers(1, 300), min_size=1, max_size=400), st.integers(1, 16), st.integers(0, 5), st.integers(0, 3)
)
def test_an_epoch_takes_every_example_once_in_an_order_of_its_own(
    lengths: list[int], size: int, seed: int, epoch: int
) -> None:
    order = epoch_order(lengths, size, seed, epoch)
    assert sorted(order) == list(range(len(lengths)))
    assert order == epoch_order(lengths, size, seed, epoch)
    if len(lengths) > 50 and len(set(lengths)) > 20:
        assert order != epoch_order(lengths, size, seed, epoch + 1)


@given(st.lists(st.integers(1, 300), min_size=1, max_size=200), st.integers(1, 16), st.integers(1, 4))
def test_every_epoch_keeps_its_batches_whole(lengths: list[int], size: int, epochs: int) -> None:
    order = training_order(lengths, size, 0, epochs)
    assert sorted(order) == sorted([*range(len(lengths))] * epochs)
    whole = len(lengths) // size * size
    for epoch in range(epochs):
        assert order[epoch * whole : (epoch + 1) * whole] == epoch_order(lengths, size, 0, epoch)[:whole]
