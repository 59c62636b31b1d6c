"""`judged_answers`: open answers, each compared with the reference by a judge model (paper, section 4.2: PubMedQA)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

from pydantic import Field

from cordspec.plugin import (
    Component,
    EngineAccess,
    Evaluator,
    GenerateRequest,
    Metric,
    ProblemView,
    Unavailable,
    WriterRef,
    hookimpl,
)
from cordspec_bench.math_answers import MathAnswersOptions

ABSENT = "judging answers by a model is not in this version; `math_answers` grades final answers"


class JudgedAnswersOptions(MathAnswersOptions):
    """Options of `eval NAME : judged_answers { ... }`."""

    judge: WriterRef = Field(description="the model that compares an answer with the reference")


class JudgedAnswers(Evaluator[JudgedAnswersOptions]):
    """The judge answers in JSON whether an answer says what the reference says."""

    name: ClassVar[str] = "judged_answers"
    metric_names: ClassVar[tuple[str, ...]] = ("pass_at_1",)
    absent: ClassVar[str] = ABSENT

    @property
    def samples(self) -> int:
        return self.options.samples

    @property
    def grader(self) -> str:
        return self.options.grader

    def requests(self, problem: ProblemView, engine: EngineAccess, seeds: Sequence[int]) -> Sequence[GenerateRequest]:
        raise Unavailable(ABSENT)

    def metrics(self, graded: Sequence[Sequence[bool]]) -> Mapping[str, Metric]:
        raise Unavailable(ABSENT)


@hookimpl
def cordspec_components() -> Iterable[type[Component]]:
    yield JudgedAnswers
