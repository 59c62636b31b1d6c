"""The time that a training still takes, as displays show it."""

from __future__ import annotations

import pytest

from cordspec.extension.kinds.trainer import TrainingStep
from cordspec.run.stages import train
from cordspec.run.stages.train import Pace, _detail


def test_the_time_left_is_that_of_the_pace_since_the_training_was_taken_up(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([100.0, 104.0, 110.0, 700.0])
    monkeypatch.setattr(train.time, "monotonic", lambda: next(clock))
    pace = Pace()
    assert pace.left(TrainingStep(40, 100, 2.0)) is None, "taken up at 40: nothing is known of its pace"
    assert pace.left(TrainingStep(42, 100, 2.0)) == 2.0 * 58
    assert pace.left(TrainingStep(50, 100, 2.0)) == 1.0 * 50
    assert pace.left(TrainingStep(100, 100, 2.0)) == 0.0


def test_what_is_shown_of_a_step() -> None:
    assert _detail(TrainingStep(0, 0, None), None) == {}
    assert _detail(TrainingStep(3, 9, 0.51234, 812.4), 41.0) == {"loss": 0.5123, "tok/s": 812, "left": "41 s"}
    assert _detail(TrainingStep(3, 9, 0.5, 812.4), 600.0)["left"] == "10 min"
