"""What a grader says about one answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Outcome = Literal["correct", "wrong", "no answer", "failed"]
"""``no answer``: there is nothing to compare. ``failed``: the grader could not tell; that counts as wrong and is reported."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """An outcome, a score in [0, 1], the reason where there is one, and the answer that was found in what was written.

    ``answer`` is in a form in which equal answers are equal texts as far as the grader knows; a majority is counted over it.
    """

    outcome: Outcome
    score: float
    reason: str = ""
    answer: str = ""

    @property
    def correct(self) -> bool:
        return self.outcome == "correct"

    @classmethod
    def of(cls, correct: bool, *, score: float | None = None, answer: str = "", reason: str = "") -> Verdict:
        """Right or wrong; the score is 1 or 0 unless the grader gives parts of a point."""
        return cls("correct" if correct else "wrong", float(correct) if score is None else score, reason, answer)

    @classmethod
    def no_answer(cls, reason: str = "") -> Verdict:
        return cls("no answer", 0.0, reason)

    @classmethod
    def failed(cls, reason: str, answer: str = "") -> Verdict:
        return cls("failed", 0.0, reason, answer)
