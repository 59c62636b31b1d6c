"""`binary_judge`: how often a model that must answer at once, after a candidate, answers right (paper, section 4.4)."""

from __future__ import annotations

from asyncio import gather
from collections.abc import Iterable, Sequence
from typing import ClassVar, Literal

from pydantic import Field

from cordspec.plugin import (
    THINK_CLOSE,
    Candidate,
    Component,
    Context,
    GenerateRequest,
    GraderName,
    Options,
    Prompt,
    Sampling,
    Score,
    ScoreEffort,
    Scorer,
    Segment,
    TeacherRef,
    Tokens,
    hookimpl,
    thinking_prompt,
)

TIME_IS_UP = "\n\nTime is up, I have to answer now."
FORCED = "\n\nThe final answer is:"


class BinaryJudgeOptions(Options):
    """Options of `scorer NAME : binary_judge { ... }`."""

    judge: TeacherRef = Field(description="the model that is made to answer")
    runs: int = Field(10, ge=1, le=1_000, description="forced answers for each candidate")
    temperature: float = Field(0.6, ge=0.0, le=10.0, description="sampling temperature of the forced answers")
    time_is_up: str = Field(TIME_IS_UP, description="what is put after `</think>`, before the answer is asked for")
    cue: str = Field(FORCED, min_length=1, description="what the judge continues with its answer")
    max_answer: Tokens = Field(64, gt=0, description="tokens of one forced answer")
    grader: GraderName = Field("math_verify", description="checks the forced answers")


class BinaryJudge(Scorer[BinaryJudgeOptions]):
    """The share of forced answers that are right, in [0, 1]; ``question <think> steps </think> time-is-up cue`` is continued.

    With few runs it has few values: between equal ones the order of ties decides.
    """

    name: ClassVar[str] = "binary_judge"
    needs_answer: ClassVar[bool] = True
    unit: ClassVar[Literal["step", "trajectory", "either"]] = "either"
    reads_lengths: ClassVar[bool] = False

    def __init__(self, options: BinaryJudgeOptions, context: Context) -> None:
        super().__init__(options, context)
        self._judge = context.engine(options.judge, "judge")
        self._grader = context.grader(options.grader)

    @classmethod
    def effort(cls, options: BinaryJudgeOptions, reference_tokens: int) -> ScoreEffort:
        return ScoreEffort(options.runs, 0, reference_tokens)

    async def score(self, candidates: Sequence[Candidate]) -> Sequence[Score]:
        return await gather(*(self._score(candidate) for candidate in candidates))

    async def _score(self, candidate: Candidate) -> Score:
        assert candidate.reference_answer is not None, "declared by needs_answer"
        prompt = self._prompt(candidate)
        sampling = Sampling(self.options.temperature)
        requests = [
            GenerateRequest(prompt, sampling, ("\n",), self.options.max_answer, self._seed(candidate, run))
            for run in range(self.options.runs)
        ]
        answers = await gather(*(self._judge.generate(request) for request in requests))
        said = [f"{self.options.cue}{answer.text}" for answer in answers]
        right = sum(self._grader.grade(text, candidate.reference_answer) for text in said)
        return Score.of(right / len(said))

    def _prompt(self, candidate: Candidate) -> Prompt:
        thinking = thinking_prompt(self._judge.opening(candidate.problem.question), candidate.trajectory.thinking)
        forced = Segment(self.options.time_is_up + self.options.cue)
        return (*thinking, Segment("\n"), Segment(THINK_CLOSE, template=True), forced)

    def _seed(self, candidate: Candidate, run: int) -> int:
        return self.context.seed("judge", candidate.problem.id, candidate.trajectory.key, run)


@hookimpl
def cordspec_components() -> Iterable[type[Component]]:
    yield BinaryJudge
