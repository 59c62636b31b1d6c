"""Liger's kernels: refused where they cannot be, handed on where they can. Nothing here runs them: they need a GPU."""

from __future__ import annotations

from pathlib import Path

import pytest

from cordspec.plugin import Ref, TrainingJob, Unavailable
from cordspec_train import sft
from cordspec_train.deepspeed_sft import DeepSpeedSft, DeepSpeedSftOptions
from cordspec_train.fitting import FitSettings, common_arguments
from cordspec_train.outcome import settings_of
from cordspec_train.sft import Sft, SftOptions

GIVEN = {"init": Ref("model", "m"), "data": Ref("decode", "d")}


def test_without_a_gpu_or_the_package_it_is_refused_before_anything_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sft, "find_spec", lambda name: None)
    monkeypatch.setattr(sft, "visible", tuple)
    lacks = "the package liger-kernel, and a GPU for Liger's kernels"
    assert Sft(SftOptions(**GIVEN, liger=True)).lacking() == lacks
    assert Sft(SftOptions(**GIVEN)).lacking() == ""
    assert lacks in DeepSpeedSft(DeepSpeedSftOptions(**GIVEN, liger=True)).lacking()
    job = TrainingJob(tmp_path / "none", (), tmp_path / "out", tmp_path / "work", 1, lambda _: None)
    with pytest.raises(Unavailable, match="`liger` needs the package"):
        Sft(SftOptions(**GIVEN, liger=True)).train(job)


def test_with_both_it_reaches_the_trainer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sft, "find_spec", lambda name: object())
    monkeypatch.setattr(sft, "visible", lambda: ("0",))
    assert Sft(SftOptions(**GIVEN, liger=True)).lacking() == ""
    for wanted in (False, True):
        settings = settings_of(SftOptions(**GIVEN, liger=wanted), 1)
        assert settings == FitSettings(seed=1, liger=wanted)
        assert common_arguments(settings, tmp_path, 8)["use_liger_kernel"] is wanted
