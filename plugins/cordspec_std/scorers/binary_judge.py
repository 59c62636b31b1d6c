"""`binary_judge`: how often a model that must answer at once, after a candidate, answers right (paper, section 4.4)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar, Literal

from pydantic import Field

from cordspec.plugin import Candidate, Component, Options, Score, ScoreEffort, Scorer, TeacherRef, Unavailable, hookimpl

ABSENT = "the binary judge is not in this version; `predictive_perplexity` is"


class BinaryJudgeOptions(Options):
    """Options of `scorer NAME : binary_judge { ... }`."""

    judge: TeacherRef = Field(description="the model that is made to answer")
    runs: int = Field(10, ge=1, le=1_000, description="forced answers for each candidate")


class BinaryJudge(Scorer[BinaryJudgeOptions]):
    """How often a model that must answer at once, after a candidate, answers right (paper, section 4.4)."""

    name: ClassVar[str] = "binary_judge"
    needs_answer: ClassVar[bool] = True
    unit: ClassVar[Literal["step", "trajectory", "either"]] = "either"
    absent: ClassVar[str] = ABSENT

    @classmethod
    def effort(cls, options: BinaryJudgeOptions, reference_tokens: int) -> ScoreEffort:
        return ScoreEffort(options.runs, 0, reference_tokens)

    async def score(self, candidates: Sequence[Candidate]) -> Sequence[Score]:
        raise Unavailable(ABSENT)


@hookimpl
def cordspec_components() -> Iterable[type[Component]]:
    yield BinaryJudge
