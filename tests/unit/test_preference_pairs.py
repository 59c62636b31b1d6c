"""Pairs of steps that a preference trainer is given: from the records of a decode, by hand."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from cordspec.artifacts.records import CandidateRecord, StepRecord, TraceRecord, to_lines
from cordspec.domain.trajectory import Step, Trajectory
from cordspec.extension.kinds.trainer import Continuation, PreferencePair
from cordspec.plugin import InvalidData, Ref
from cordspec.run.stages.lessons import preferences_of


def candidate(
    problem: str, parent: Trajectory, text: str, score: float | None, *, closes: bool = False, forced: bool = False
) -> CandidateRecord:
    grown = parent.extend((Step(text, ("a",), 1),) if text else (), finished=closes or forced, forced=forced)
    return CandidateRecord(
        problem, 1, grown.key, parent.key, text, ("a",), score, 0.0, grown.finished, forced, "kept", 1, 1, ()
    )


def trace(problem: str, *, correct: bool) -> TraceRecord:
    steps = tuple(StepRecord(text, ("a",), 1, None, "") for text in ("\nA", "\nB"))
    return TraceRecord(problem, f"{problem}?", "r", steps, "x", "a", correct, False, 0.9, 2, 4, 1)


START = Trajectory()
ONE = START.extend((Step("\nA", ("a",), 1),), finished=False)


def shop(tmp_path: Any, traces: list[TraceRecord], candidates: list[CandidateRecord]) -> Any:
    (tmp_path / "traces.jsonl").write_text("".join(to_lines(traces)))
    (tmp_path / "candidates.jsonl").write_text("".join(to_lines(candidates)))
    return SimpleNamespace(
        directory=SimpleNamespace(stage=lambda _: tmp_path),
        graph=SimpleNamespace(of_block=lambda _: SimpleNamespace(id="decode")),
    )


def test_each_lower_sibling_of_a_right_traces_step_is_a_pair_of_its_own(tmp_path: Any) -> None:
    proposed = [
        candidate("p", START, "\nA", 0.75), candidate("p", START, "\nC", 0.5), candidate("p", START, "\nD", 0.9),
        candidate("p", START, "\nE", None), candidate("q", START, "\nA", 0.9), candidate("q", START, "\nC", 0.1),
        candidate("p", ONE, "\nB", 0.9, closes=True), candidate("p", ONE, "", 0.25, closes=True),
        candidate("p", ONE, "\nF", 0.5, forced=True),
    ]  # fmt: skip
    made = shop(tmp_path, [trace("p", correct=True), trace("q", correct=False)], proposed)
    assert preferences_of(made, Ref("decode", "t")) == [
        PreferencePair("p?", "", Continuation("\nA"), Continuation("\nC"), 0.25),
        PreferencePair("p?", "\nA", Continuation("\nB", closes=True), Continuation("", closes=True), 0.65),
        PreferencePair("p?", "\nA", Continuation("\nB", closes=True), Continuation("\nF"), 0.4),
    ], "no pair of a wrong trace, of a proposal that scored more, or of one without a score"


def test_problems_have_no_pairs() -> None:
    with pytest.raises(InvalidData, match="`p` is no decode"):
        preferences_of(cast("Any", None), Ref("problems", "p"))
