"""`judged_answers`: open answers, each compared with the reference by a judge model (paper, section 4.2: PubMedQA)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, ClassVar

from pydantic import Field

from cordspec.plugin import Component, Context, Judging, Placeholders, Sampling, Tokens, WriterRef, hookimpl
from cordspec_bench.drawing import Drawing, DrawingOptions
from cordspec_bench.model_judge import PLACEHOLDERS, PROMPT, ModelJudge


class JudgedAnswersOptions(DrawingOptions):
    """Options of `eval NAME : judged_answers { ... }`."""

    judge: WriterRef = Field(description="the model that compares an answer with the reference")
    judge_prompt: Annotated[str, Placeholders(PLACEHOLDERS)] = Field(PROMPT, description="what the judge is asked")
    judge_temperature: float = Field(0.0, ge=0.0, le=10.0, description="sampling temperature of the judge")
    judge_tokens: Tokens = Field(4_096, gt=0, description="tokens that one judgement may take, thinking included")


class JudgedAnswers(Drawing[JudgedAnswersOptions]):
    """The judge answers in JSON whether an answer says what the reference says. A reply that cannot be read counts as wrong
    and is reported.
    """

    name: ClassVar[str] = "judged_answers"
    version: ClassVar[str] = "2"
    judging_options: ClassVar[tuple[str, ...]] = ("judge", "judge_prompt", "judge_temperature", "judge_tokens")

    @property
    def grader(self) -> str:
        return ""

    def judging(self, context: Context) -> Judging:
        options = self.options
        engine = context.engine(options.judge, "judge")
        sampling = Sampling(options.judge_temperature)
        return ModelJudge(engine, context, options.judge_prompt, sampling, options.judge_tokens)


@hookimpl
def cordspec_components() -> Iterable[type[Component]]:
    yield JudgedAnswers
