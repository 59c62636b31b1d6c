"""`math_answers`: pass@1 of a model on problems with a final answer (paper, section 4.1)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

from pydantic import Field

from cordspec.plugin import (
    Component,
    EngineAccess,
    EvalOptions,
    EvaluatedRef,
    Evaluator,
    GenerateRequest,
    GraderName,
    Metric,
    ProblemsRef,
    ProblemView,
    Sampling,
    Tokens,
    hookimpl,
    thinking_prompt,
)


class MathAnswersOptions(EvalOptions):
    """Options of `eval NAME : math_answers { ... }`."""

    model: EvaluatedRef = Field(description="the student, or any model")
    problems: ProblemsRef = Field(description="the questions")
    samples: int = Field(16, ge=1, le=1_024, description="draws for each problem")
    temperature: float = Field(0.6, ge=0.0, le=10.0, description="sampling temperature")
    top_p: float = Field(1.0, gt=0.0, le=1.0, description="nucleus sampling")
    max_tokens: Tokens = Field(32_768, gt=0, description="tokens that one draw may take, thinking included")
    grader: GraderName = Field("math_verify", description="checks the final answers")


class MathAnswers(Evaluator[MathAnswersOptions]):
    """Every draw writes its own thinking and answer. pass@1 is the mean over problems of each problem's mean."""

    name: ClassVar[str] = "math_answers"
    metric_names: ClassVar[tuple[str, ...]] = ("pass_at_1",)

    @property
    def samples(self) -> int:
        return self.options.samples

    @property
    def grader(self) -> str:
        return self.options.grader

    def requests(self, problem: ProblemView, engine: EngineAccess, seeds: Sequence[int]) -> Sequence[GenerateRequest]:
        prompt = thinking_prompt(engine.opening(problem.question), "")
        sampling = Sampling(self.options.temperature, self.options.top_p)
        return [GenerateRequest(prompt, sampling, (), self.options.max_tokens, seed) for seed in seeds]

    def metrics(self, graded: Sequence[Sequence[bool]]) -> Mapping[str, Metric]:
        """pass@1; its standard error comes from the spread between problems, draws of one problem being alike."""
        shares = [sum(draws) / len(draws) for draws in graded]
        n = len(shares)
        mean = math.fsum(shares) / n
        spread = math.fsum((share - mean) ** 2 for share in shares)
        error = math.sqrt(spread / (n - 1) / n) if n > 1 else None
        return {"pass_at_1": Metric(mean, error, n, self.options.samples)}


@hookimpl
def cordspec_components() -> Iterable[type[Component]]:
    yield MathAnswers
