"""What evaluators share whose models write their own thinking and answer, several times a problem."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, TypeVar

from pydantic import Field, model_validator

from cordspec.plugin import (
    Draw,
    EngineAccess,
    EvalOptions,
    EvaluatedRef,
    Evaluator,
    GenerateRequest,
    Metric,
    ProblemsRef,
    ProblemView,
    Sampling,
    Tokens,
    thinking_prompt,
)
from cordspec_bench.sampling_metrics import NAMES, pass_at_1, sampling_metrics


class DrawingOptions(EvalOptions):
    """Whom to ask, what, and how often."""

    model: EvaluatedRef = Field(description="the student, or any model")
    problems: ProblemsRef = Field(description="the questions")
    samples: int = Field(16, ge=1, le=1_024, description="draws for each problem")
    k: int = Field(0, ge=0, le=1_024, description="the k of `pass_at_k`, at most `samples`; 0 for `samples`")
    temperature: float = Field(0.6, ge=0.0, le=10.0, description="sampling temperature")
    top_p: float = Field(1.0, gt=0.0, le=1.0, description="nucleus sampling")
    max_tokens: Tokens = Field(32_768, gt=0, description="tokens that one draw may take, thinking included")

    @model_validator(mode="after")
    def _enough_draws(self) -> DrawingOptions:
        if self.k > self.samples:
            raise ValueError(f"pass@{self.k} needs {self.k} draws, `samples` says {self.samples}")
        return self


DrawingOptionsT = TypeVar("DrawingOptionsT", bound=DrawingOptions)


class Drawing(Evaluator[DrawingOptionsT]):
    """Every draw writes its own thinking and answer."""

    metric_names: ClassVar[tuple[str, ...]] = NAMES

    @property
    def samples(self) -> int:
        return self.options.samples

    def requests(self, problem: ProblemView, engine: EngineAccess, seeds: Sequence[int]) -> Sequence[GenerateRequest]:
        prompt = thinking_prompt(engine.opening(problem.question), "")
        sampling = Sampling(self.options.temperature, self.options.top_p)
        return [GenerateRequest(prompt, sampling, (), self.options.max_tokens, seed) for seed in seeds]

    def metrics(self, graded: Sequence[Sequence[bool]]) -> Mapping[str, Metric]:
        return {"pass_at_1": pass_at_1(graded)}

    def measure(self, draws: Sequence[Sequence[Draw]]) -> Mapping[str, Metric]:
        return sampling_metrics(draws, self.options.k or self.options.samples)
