"""Trainings under DeepSpeed whose processes have one thing bent."""

from __future__ import annotations

from pathlib import Path

import pytest

from cordspec_train import launching

WORKER = Path(__file__).with_name("bent_worker.py")


def bend(monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    """Have the next trainings done by `bent_worker`, which says what can be bent."""
    straight = launching.command
    monkeypatch.setenv("BENT", what)
    monkeypatch.setattr(launching, "command", lambda one: [*straight(one)[:-3], str(WORKER), straight(one)[-1]])
