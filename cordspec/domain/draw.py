"""A graded draw without its text: what metrics are computed from."""

from __future__ import annotations

from dataclasses import dataclass

from cordspec.domain.inference import Finish
from cordspec.domain.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Draw:
    """One draw of a model on one problem: what its grader said, its length and why it ended."""

    verdict: Verdict
    tokens: int
    finish: Finish

    @property
    def correct(self) -> bool:
        return self.verdict.correct
