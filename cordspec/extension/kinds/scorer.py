"""`scorer`: how good a candidate is. Higher is better, always. (What checks final answers is a *grader*.)"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from cordspec.domain.scoring import Candidate, Score
from cordspec.extension.component import Component, Context, OptionsT


@dataclass(frozen=True, slots=True)
class ScoreEffort:
    """What scoring one candidate takes, for planning: calls, tokens scored and tokens generated in each."""

    calls: int
    scored: int
    generated: int


class Scorer(Component[OptionsT]):
    """Scores candidates during a search.

    ``needs_answer`` declares that the reference answer is part of the score: only then is it shown, and only in making
    traces, never in an evaluation. ``unit`` says what the score is meant for.
    """

    kind: ClassVar[str] = "scorer"
    needs_answer: ClassVar[bool] = False
    unit: ClassVar[Literal["step", "trajectory", "either"]] = "either"
    reads_lengths: ClassVar[bool] = True

    def __init__(self, options: OptionsT, context: Context) -> None:
        super().__init__(options)
        self.context = context

    @classmethod
    def effort(cls, options: OptionsT, reference_tokens: int) -> ScoreEffort:
        """What one candidate takes where the reference answer has so many tokens."""
        return ScoreEffort(1, reference_tokens, 0)

    @abstractmethod
    async def score(self, candidates: Sequence[Candidate]) -> Sequence[Score | float]:
        """One score per candidate, in order. NaN marks a candidate that could not be scored; it is never kept."""
