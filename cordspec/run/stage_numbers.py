"""The numbers of a finished stage, from its files: what a tracker is told at its end."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cordspec.run.stages.decode import LEDGER
from cordspec.run.stages.evaluate import METRICS
from cordspec.run.stages.train import TRAINING


def stage_numbers(stage: Path) -> dict[str, float]:
    """Metrics with their standard errors and numbers of problems, tokens by role, what a training counted."""
    return {name: float(value) for name, value in _numbers(stage) if value is not None}


def _numbers(stage: Path) -> Iterator[tuple[str, float | None]]:
    ledger = _read(stage / LEDGER)
    if measured := _read(stage / METRICS):
        ledger = measured["ledger"]
        for name, metric in measured["metrics"].items():
            yield name, metric["value"]
            yield f"{name}/standard_error", metric["standard_error"]
            yield f"{name}/n", metric["n"]
    for role, spend in ledger.items():
        yield f"tokens/{role}", spend["generated_tokens"] + spend["scored_tokens"]
    training = _read(stage / TRAINING)
    for name in ("examples", "tokens", "left_out", "shortened"):
        yield name, training.get(name)


def _read(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}
