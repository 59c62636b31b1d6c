"""Teachers that cannot be asked: waited for, left out of a wave and recorded, or the end of the run."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import pytest

from cordspec.domain.events import Absent, Formed
from cordspec.domain.scoring import Candidate
from cordspec.errors import IncompleteError, PreflightError
from cordspec.journal import Journal
from cordspec.model.blocks import Budget
from cordspec.plugin import GenerateRequest, Generation, Sampling, Unavailable
from cordspec.run import attendance
from cordspec.run.attendance import Attendance
from cordspec.run.driver import Driver, SearchRecord
from cordspec.run.teachers import Pool, Teacher
from cordspec_std.searches.beam import Beam, BeamOptions
from cordspec_std.segmenters.step_header import StepHeader, StepHeaderOptions
from tests.unit.test_driver import BLOCK, PROBLEM, ByLength, Scripted

Policy = Literal["wait", "degrade", "fail"]


class Fails(Scripted):
    """A teacher that cannot be asked for its first so many requests."""

    def __init__(self, steps: Sequence[str], times: int) -> None:
        super().__init__(steps)
        self.times = times
        self.attempts = 0

    async def generate(self, request: GenerateRequest) -> Generation:
        self.attempts += 1
        if self.attempts <= self.times:
            raise Unavailable("the server is gone")
        return await super().generate(request)


class Away(ByLength):
    """A scorer that cannot be asked for its first so many candidates."""

    def __init__(self, times: int, code: str = "E601") -> None:
        self.times, self.code, self.attempts = times, code, 0

    async def score(self, candidates: Sequence[Candidate]) -> list[float]:
        self.attempts += 1
        if self.attempts <= self.times:
            raise Unavailable("the prover is gone", code=self.code)
        return await super().score(candidates)


def run(
    engines: Sequence[Scripted], policy: Policy, journal: Journal, patience: float = 60.0,
    scorer: ByLength | None = None, waits: bool = True,
) -> SearchRecord:  # fmt: skip
    teachers = tuple(Teacher(f"t{at}", engine, Sampling()) for at, engine in enumerate(engines))
    pool = Pool(teachers, StepHeader(StepHeaderOptions()), Budget(), 1, Attendance(policy, patience, journal))
    beam = Beam(BeamOptions(size=2))
    driver = Driver(pool, scorer or ByLength(), BLOCK, beam, lambda record, wave: None, waits=waits)  # type: ignore[arg-type]
    return asyncio.run(driver.decode(PROBLEM))


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attendance, "FIRST_PAUSE", 0.001)


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "run.db")


def test_a_teacher_that_comes_back_is_waited_for(journal: Journal) -> None:
    gone = Fails(["a longer one.", "end!"], 3)
    waited = run([Scripted(["a.", "b!"]), gone], "wait", journal)
    there = run([Scripted(["a.", "b!"]), Scripted(["a longer one.", "end!"])], "fail", journal)
    assert waited.trajectory == there.trajectory and waited.events == there.events


def test_patience_ends(journal: Journal) -> None:
    with pytest.raises(Unavailable, match="the server is gone"):
        run([Fails(["a."], 1_000)], "wait", journal, patience=0.005)


def test_fail_fails_at_once(journal: Journal) -> None:
    gone = Fails(["a."], 1)
    with pytest.raises(Unavailable):
        run([gone], "fail", journal)
    assert gone.attempts == 1


@pytest.mark.parametrize("policy", ["wait", "degrade"])
def test_a_scorer_behind_a_server_is_waited_for_and_said_once(
    policy: Policy, journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    there = run([Scripted(["a.", "b!"]), Scripted(["a longer one.", "end!"])], policy, journal)
    away = Away(5)
    waited = run([Scripted(["a.", "b!"]), Scripted(["a longer one.", "end!"])], policy, journal, scorer=away)
    assert away.attempts > 5 and waited.trajectory == there.trajectory and waited.events == there.events
    assert caplog.text.count("the prover is gone; it is waited for, 60 s at most") == 1


@pytest.mark.parametrize(
    ("policy", "waits", "code", "error"),
    [("fail", True, "E601", PreflightError), ("wait", False, "E601", PreflightError),
     ("wait", True, "E620", IncompleteError), ("wait", True, "E611", IncompleteError)],
)  # fmt: skip
def test_other_scorers_are_not(
    policy: Policy, waits: bool, code: str, error: type[Exception], journal: Journal
) -> None:
    """By the policy, without a server that may come back, and where it is there and wrong."""
    away = Away(1, code)
    with pytest.raises(error):
        run([Scripted(["a.", "b!"])], policy, journal, scorer=away, waits=waits)
    assert away.attempts == 1


def test_a_scorer_is_not_waited_for_without_end(journal: Journal) -> None:
    with pytest.raises(PreflightError):
        run([Scripted(["a.", "b!"])], "wait", journal, patience=0.005, scorer=Away(1_000))


def test_a_wave_goes_on_without_an_absent_teacher_and_says_so(journal: Journal) -> None:
    gone = Fails(["a longer one.", "end here!"], 1)
    record = run([Scripted(["a.", "b!"]), gone], "degrade", journal)
    absent = [event for event in record.events if isinstance(event, Absent)]
    assert [(one.wave, one.teacher, one.reason) for one in absent] == [(1, "t1", "the server is gone")]
    first = [event for event in record.events if isinstance(event, Formed) and event.wave == 1]
    assert [one.authors for one in first] == [("t0",)]
    assert record.trajectory is not None


def test_an_absence_is_an_absence_for_ever(journal: Journal) -> None:
    """A resumed run decides as before, though the teacher has come back."""
    before = run([Scripted(["a.", "b!"]), Fails(["a longer one.", "end here!"], 1)], "degrade", journal)
    again = run([Scripted(["a.", "b!"]), Scripted(["a longer one.", "end here!"])], "degrade", journal)
    assert again.events == before.events


def test_a_wave_without_any_teacher_is_no_wave(journal: Journal) -> None:
    with pytest.raises(Unavailable, match="no teacher can be asked: the server is gone"):
        run([Fails(["a."], 9), Fails(["b."], 9)], "degrade", journal)


def test_a_run_that_ended_because_nobody_came_goes_on_when_they_come_back(journal: Journal) -> None:
    with pytest.raises(Unavailable):
        run([Fails(["a."], 9), Fails(["b."], 9)], "degrade", journal)
    again = run([Scripted(["a.", "b!"]), Scripted(["a longer one.", "end here!"])], "degrade", journal)
    assert again.trajectory is not None and not [event for event in again.events if isinstance(event, Absent)]
