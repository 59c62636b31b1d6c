"""Stored predictions, graded again by others."""

from __future__ import annotations

from dataclasses import dataclass

from cordspec.domain.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A draw on which two graders do not agree, with what each says of it."""

    problem: str
    sample: int
    reference: str
    written: str
    first: Verdict
    second: Verdict


@dataclass(frozen=True, slots=True)
class Regrade:
    """One evaluation under two graders: how many draws each finds right, and the draws on which they do not agree.

    ``first`` is the grader of the run where only one other was named.
    """

    eval: str
    first: str
    second: str
    draws: int
    right_first: int
    right_second: int
    failed_first: int
    failed_second: int
    disagreements: tuple[Disagreement, ...]
