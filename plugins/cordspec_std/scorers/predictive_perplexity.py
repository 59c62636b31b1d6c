"""`predictive_perplexity`: how likely a meta-prover finds the reference answer after a candidate (paper, equation 2).

Despite its name it is an *inverse* perplexity: the geometric mean of the answer tokens' probabilities, in [0, 1], higher
is better.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import ClassVar, Final, Literal

from pydantic import Field

from cordspec.plugin import (
    ANSWER_END,
    Candidate,
    Component,
    Context,
    EngineAccess,
    Options,
    ProverRef,
    Score,
    Scorer,
    ScoreRequest,
    TokenLogprobs,
    Trajectory,
    forced_answer_prompt,
    hookimpl,
)


class PredictivePerplexityOptions(Options):
    """Options of `scorer NAME : predictive_perplexity { ... }`."""

    prover: ProverRef = Field(description="the meta-prover: the model whose belief in the answer is the score")
    mean: Literal["geometric", "arithmetic", "sum", "min"] = Field(
        "geometric",
        description="what the answer tokens' probabilities become: their mean, the log-probability of all, or the least",
    )
    gain: bool = Field(False, description="score what a step adds: its value less that of its prefix")
    reference: ProverRef | None = Field(
        None, description="a fixed prover whose value is recorded beside the score and decides nothing"
    )


class PredictivePerplexity(Scorer[PredictivePerplexityOptions]):
    """``exp((1/M) sum_m log p(a_m | question, steps, a_<m))`` over the M tokens of the reference answer.

    The tokens are those that overlap the answer's characters in one encoding of
    ``question <think> steps </think> The final answer is ANSWER.``; the final period is not counted.
    """

    name: ClassVar[str] = "predictive_perplexity"
    needs_answer: ClassVar[bool] = True
    unit: ClassVar[Literal["step", "trajectory", "either"]] = "either"
    reads_lengths: ClassVar[bool] = False

    def __init__(self, options: PredictivePerplexityOptions, context: Context) -> None:
        super().__init__(options, context)
        self._prover = context.engine(options.prover)
        self._reference = context.engine(options.reference) if options.reference is not None else None
        self._mean = MEANS[options.mean]

    async def score(self, candidates: Sequence[Candidate]) -> Sequence[Score]:
        from asyncio import gather

        return await gather(*(self._score(candidate) for candidate in candidates))

    async def _score(self, candidate: Candidate) -> Score:
        answer = await self._ask(self._prover, candidate, candidate.trajectory)
        value = self._mean(answer.values) if usable(answer) else math.nan
        if self.options.gain:
            before = await self._ask(self._prover, candidate, candidate.prefix)
            value -= self._mean(before.values) if usable(before) else math.nan
        if math.isnan(value):
            return Score(math.nan, math.nan)
        reference = None
        if self._reference is not None:
            beside = await self._ask(self._reference, candidate, candidate.trajectory)
            reference = geometric_mean(beside.values) if usable(beside) else None
        return Score.of(value, math.fsum(answer.values), answer.values, reference)

    @staticmethod
    async def _ask(prover: EngineAccess, candidate: Candidate, trajectory: Trajectory) -> TokenLogprobs:
        assert candidate.reference_answer is not None, "declared by needs_answer"
        prompt = forced_answer_prompt(prover.opening(candidate.problem.question), trajectory.thinking)
        return await prover.score(ScoreRequest(prompt, candidate.reference_answer, ANSWER_END))


def usable(answer: TokenLogprobs) -> bool:
    """Whether there are tokens and all of them have a finite log-probability: nothing is averaged over a gap."""
    return bool(answer.values) and all(map(math.isfinite, answer.values))


def geometric_mean(values: Sequence[float]) -> float:
    """The geometric mean of probabilities, from their logarithms; the paper's equation 2."""
    return math.exp(math.fsum(values) / len(values))


def arithmetic_mean(values: Sequence[float]) -> float:
    """The arithmetic mean of probabilities."""
    return math.fsum(map(math.exp, values)) / len(values)


def least(values: Sequence[float]) -> float:
    """The smallest probability."""
    return math.exp(min(values))


MEANS: Final = {"geometric": geometric_mean, "arithmetic": arithmetic_mean, "sum": math.fsum, "min": least}


@hookimpl
def cordspec_components() -> Iterable[type[Component]]:
    yield PredictivePerplexity
