"""`math_answers`: pass@1 of a model on problems with a final answer (paper, section 4.1)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from pydantic import Field

from cordspec.plugin import Component, GraderName, hookimpl
from cordspec_bench.drawing import Drawing, DrawingOptions


class MathAnswersOptions(DrawingOptions):
    """Options of `eval NAME : math_answers { ... }`."""

    grader: GraderName = Field("math_verify", description="checks the final answers")


class MathAnswers(Drawing[MathAnswersOptions]):
    """pass@1 is the mean over problems of each problem's mean; a grader compares final answers with references."""

    name: ClassVar[str] = "math_answers"
    version: ClassVar[str] = "2"

    @property
    def grader(self) -> str:
        return self.options.grader


@hookimpl
def cordspec_components() -> Iterable[type[Component]]:
    yield MathAnswers
