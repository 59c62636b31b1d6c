"""Packing under DeepSpeed's ZeRO-3 by two processes: the losses of the padded training, and a model that is refused."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from cordspec.plugin import InvalidData, Ref, TrainingJob, TrainingOutcome
from cordspec_mini.models import CHECKPOINTS
from cordspec_train.deepspeed_sft import DeepSpeedSft, DeepSpeedSftOptions
from tests.slow.bending import bend
from tests.uneven import UNEVEN

pytestmark = pytest.mark.slow
SHORT = UNEVEN[:-1]
"""One short of whole batches: blank rows are packed, too."""


def trained(place: Path, **options: object) -> TrainingOutcome:
    (place / "work").mkdir(parents=True)
    chosen = DeepSpeedSftOptions(
        init=Ref("model", "m"),
        data=Ref("decode", "d"),
        epochs=6,
        batch_size=8,
        lr=1e-4,
        ranks=2,
        micro_batch=4,
        **options,
    )
    job = TrainingJob(CHECKPOINTS / "base", SHORT, place / "model", place / "work", 3, lambda _: None)
    return DeepSpeedSft(chosen).train(job)


def examples(place: Path) -> list[list[int]]:
    lines = (place / "work" / "progress.jsonl").read_text().splitlines()
    return [one["examples"] for one in map(json.loads, lines) if "step" in one]


def test_two_processes_have_the_losses_of_the_padded_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def agree(one: TrainingOutcome, other: TrainingOutcome) -> None:
        assert len(one.losses) == len(other.losses) == 24
        assert all(math.isclose(a, b, rel_tol=1e-5) for a, b in zip(one.losses, other.losses, strict=True))

    padded = trained(tmp_path / "padded", precision="fp32")
    packed = trained(tmp_path / "packed", precision="fp32", packing=True)
    agree(padded, packed)
    assert examples(tmp_path / "padded") == examples(tmp_path / "packed")
    bend(monkeypatch, "unlooked:0:0")
    with pytest.raises(AssertionError):
        agree(padded, trained(tmp_path / "unlooked", precision="fp32", packing=True))


def test_a_model_whose_examples_see_each_other_is_refused_and_in_16_bits_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(trained(tmp_path / "right", packing=True).losses) == 24, "bf16"
    bend(monkeypatch, "crossed:0:0")
    with pytest.raises(InvalidData, match="a llama model with sdpa attention does not keep packed examples apart") as e:
        trained(tmp_path / "crossed", packing=True)
    assert e.value.code == "E808"
