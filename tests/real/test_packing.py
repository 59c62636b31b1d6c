"""Packing: the same losses without padding, and a model that does not keep packed examples apart is refused."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from transformers import AutoModelForCausalLM
from trl import SFTTrainer
from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

from cordspec.extension.options import identity_fields
from cordspec.plugin import InvalidData, Ref, TrainingJob, TrainingStep
from cordspec_mini.models import CHECKPOINTS
from cordspec_train import packing
from cordspec_train.deepspeed_sft import DeepSpeedSftOptions
from cordspec_train.packing import check_kept_apart
from cordspec_train.sft import Sft, SftOptions
from tests.uneven import UNEVEN

STEPS = 24


class Cut(Exception):
    """The end of a process, as far as a test in one process can have it."""


@dataclass
class Seen:
    """A training as the loss saw it."""

    losses: tuple[float, ...] = ()
    batches: list[dict[str, Any]] = field(default_factory=list)
    examples: list[list[int]] = field(default_factory=list)
    remarks: tuple[str, ...] = ()


@pytest.fixture
def train(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Seen]:
    original = SFTTrainer.compute_loss

    def train(place: Path, until: int = 0, **options: object) -> Seen:
        seen = Seen()

        def compute_loss(self, model, inputs, *args, **kwargs):
            seen.batches.append(dict(inputs))
            return original(self, model, inputs, *args, **kwargs)

        def on_step(at: TrainingStep) -> None:
            if at.step == until:
                raise Cut

        monkeypatch.setattr(SFTTrainer, "compute_loss", compute_loss)
        (place / "work").mkdir(parents=True, exist_ok=True)
        job = TrainingJob(CHECKPOINTS / "base", UNEVEN, place / "model", place / "work", 3, on_step)
        common = {"epochs": 6, "batch_size": 8, "lr": 1e-4, **options}
        outcome = Sft(SftOptions(init=Ref("model", "m"), data=Ref("decode", "d"), **common)).train(job)
        seen.losses, seen.remarks = outcome.losses, outcome.remarks
        return seen

    return train


def agree(one: Seen, other: Seen) -> None:
    assert len(one.losses) == len(other.losses) == STEPS
    assert all(math.isclose(a, b, rel_tol=1e-5) for a, b in zip(one.losses, other.losses, strict=True))


def test_losses_are_those_of_the_padded_training_and_nothing_is_padded(
    train: Callable[..., Seen], tmp_path: Path
) -> None:
    padded, packed = train(tmp_path / "padded"), train(tmp_path / "packed", packing=True)
    agree(padded, packed)
    for wide, row in zip(padded.batches, packed.batches, strict=True):
        lengths = wide["attention_mask"].sum(1).tolist()
        assert row["input_ids"].shape == (1, sum(lengths)) and "attention_mask" not in row
        assert row["position_ids"][0].tolist() == [at for length in lengths for at in range(length)]
        learnt = [ids[mask == 1].tolist() for ids, mask in zip(wide["labels"], wide["attention_mask"], strict=True)]
        assert row["labels"][0].tolist() == [label for one in learnt for label in one]
    assert any(len(set(one["attention_mask"].sum(1).tolist())) > 1 for one in padded.batches)
    assert packed.remarks == padded.remarks


def positions_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    straight = DataCollatorForLanguageModeling.torch_call

    def bent(self, examples):
        batch = straight(self, examples)
        if self.padding_free:
            batch["position_ids"] = torch.arange(batch["input_ids"].shape[1])[None]
        return batch

    monkeypatch.setattr(DataCollatorForLanguageModeling, "torch_call", bent)


def attention_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Positions begin anew, but no mask is made of them."""
    monkeypatch.setattr(transformers.masking_utils, "find_packed_sequence_indices", lambda position_ids: None)


@pytest.mark.parametrize("bug", [positions_go_on, attention_goes_on])
def test_examples_that_see_each_other_are_found_before_the_first_step_and_by_the_losses(
    train: Callable[..., Seen], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bug: Callable[..., None]
) -> None:
    padded = train(tmp_path / "padded")
    bug(monkeypatch)
    with pytest.raises(InvalidData, match="a llama model with sdpa attention does not keep packed examples apart") as e:
        train(tmp_path / "looked", packing=True)
    assert e.value.code == "E808" and "packing" in e.value.help
    monkeypatch.setattr(packing, "check_kept_apart", lambda *_: None)
    with pytest.raises(AssertionError):
        agree(padded, train(tmp_path / "not looked", packing=True))


def test_a_packed_training_goes_on_as_if_it_had_not_been_cut_off_and_so_does_a_padded_one_packed(
    train: Callable[..., Seen], tmp_path: Path
) -> None:
    whole = train(tmp_path / "whole", packing=True, checkpoint_every=10)
    for name, before in (("packed", True), ("padded", False)):
        with pytest.raises(Cut):
            train(tmp_path / name, until=15, packing=before, checkpoint_every=10)
        rest = train(tmp_path / name, packing=True, checkpoint_every=10)
        assert len(rest.batches) == 14
        assert rest.losses == whole.losses if before else agree(rest, whole) is None


def test_packing_is_no_part_of_a_students_identity_and_says_when_it_does_nothing(
    train: Callable[..., Seen], tmp_path: Path
) -> None:
    assert "packing" not in {*identity_fields(SftOptions), *identity_fields(DeepSpeedSftOptions)}
    one = train(tmp_path, epochs=1, batch_size=1, packing=True)
    assert "nothing was packed: one example is taken at a time" in one.remarks


SMALL: dict[str, Any] = {
    "vocab_size": 64, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64,
}  # fmt: skip
GPT2: dict[str, Any] = {"vocab_size": 64, "n_embd": 32, "n_layer": 2, "n_head": 4}
KEEP_APART: dict[str, dict[str, Any]] = {
    "gpt2": GPT2,
    "llama": SMALL,
    "mistral": {**SMALL, "num_key_value_heads": 4, "sliding_window": 8},
    "qwen2": {**SMALL, "num_key_value_heads": 4},
    "qwen3": {**SMALL, "head_dim": 8, "num_key_value_heads": 4},
    "qwen3_moe": {
        **SMALL, "head_dim": 8, "num_key_value_heads": 4, "num_experts": 4, "num_experts_per_tok": 2,
        "moe_intermediate_size": 16,
    },
}  # fmt: skip
DO_NOT: dict[str, dict[str, Any]] = {
    "bloom": {"vocab_size": 64, "hidden_size": 32, "n_layer": 2, "n_head": 4},
    "falcon": {"vocab_size": 64, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4},
    "jamba": {
        **SMALL, "num_key_value_heads": 4, "use_mamba_kernels": False, "attn_layer_period": 2, "attn_layer_offset": 1,
        "expert_layer_period": 4, "expert_layer_offset": 3,
    },
    "lfm2": {**SMALL, "num_key_value_heads": 4, "layer_types": ["conv", "full_attention"]},
    "mamba": {"vocab_size": 64, "hidden_size": 32, "num_hidden_layers": 2},
    "opt": {
        "vocab_size": 64, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "ffn_dim": 64,
        "word_embed_proj_dim": 32,
    },
}  # fmt: skip
FIRST, SECOND = [*range(5, 29)], [*range(60, 28, -1)]


def made(kind: str, options: dict[str, Any], dtype: torch.dtype, attention: str = "sdpa") -> Any:
    """A model of an architecture, with random weights."""
    torch.manual_seed(0)
    config = transformers.AutoConfig.for_model(kind, **options)
    if attention != "sdpa":
        config._attn_implementation = attention
    return AutoModelForCausalLM.from_config(config).to(dtype).eval()


COLLATE = DataCollatorForLanguageModeling(pad_token_id=0, padding_free=True)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("kind", KEEP_APART)
def test_architectures_that_keep_examples_apart_pass(kind: str, attention: str, dtype: torch.dtype) -> None:
    check_kept_apart(made(kind, KEEP_APART[kind], dtype, attention), COLLATE, FIRST, SECOND)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("kind", DO_NOT)
def test_architectures_that_do_not_are_refused(kind: str, dtype: torch.dtype) -> None:
    with pytest.raises(InvalidData, match=f"a {kind} model") as caught:
        check_kept_apart(made(kind, DO_NOT[kind], dtype), COLLATE, FIRST, SECOND)
    assert caught.value.code == "E808"


def test_positions_that_go_on_are_found_where_attention_is_right() -> None:
    """With learnt positions, which are not relative, an example would have others than alone."""

    def collate(examples: list[dict[str, Any]]) -> dict[str, Any]:
        batch = COLLATE(examples)
        same = batch["seq_idx"][0][:, None] == batch["seq_idx"][0][None]
        tokens = batch["input_ids"].shape[1]
        return {
            "input_ids": batch["input_ids"],
            "position_ids": torch.arange(tokens)[None],
            "attention_mask": (same & torch.ones(tokens, tokens).tril().bool())[None, None],
        }

    model = made("gpt2", GPT2, torch.float32)
    with pytest.raises(InvalidData, match="other logits than alone"):
        check_kept_apart(model, collate, FIRST, SECOND)
