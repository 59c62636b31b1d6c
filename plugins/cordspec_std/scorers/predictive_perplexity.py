"""`predictive_perplexity`: how likely a meta-prover finds the reference answer after a candidate (paper, equation 2).

Despite its name it is an *inverse* perplexity: the geometric mean of the answer tokens' probabilities, in [0, 1], higher
is better.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import ClassVar, Literal

from pydantic import Field

from cordspec.plugin import (
    ANSWER_END,
    Candidate,
    Component,
    Context,
    Options,
    ProverRef,
    Score,
    Scorer,
    ScoreRequest,
    TokenLogprobs,
    forced_answer_prompt,
    hookimpl,
)


class PredictivePerplexityOptions(Options):
    """Options of `scorer NAME : predictive_perplexity { ... }`."""

    prover: ProverRef = Field(description="the meta-prover: the model whose belief in the answer is the score")


class PredictivePerplexity(Scorer[PredictivePerplexityOptions]):
    """``exp((1/M) sum_m log p(a_m | question, steps, a_<m))`` over the M tokens of the reference answer.

    The tokens are those that overlap the answer's characters in one encoding of
    ``question <think> steps </think> The final answer is ANSWER.``; the final period is not counted.
    """

    name: ClassVar[str] = "predictive_perplexity"
    needs_answer: ClassVar[bool] = True
    unit: ClassVar[Literal["step", "trajectory", "either"]] = "either"

    def __init__(self, options: PredictivePerplexityOptions, context: Context) -> None:
        super().__init__(options, context)
        self._prover = context.engine(options.prover)

    async def score(self, candidates: Sequence[Candidate]) -> Sequence[Score]:
        from asyncio import gather

        answers = await gather(*(self._prover.score(self._request(candidate)) for candidate in candidates))
        return [geometric_mean(answer) for answer in answers]

    def _request(self, candidate: Candidate) -> ScoreRequest:
        assert candidate.reference_answer is not None, "declared by needs_answer"
        opening = self._prover.opening(candidate.problem.question)
        prompt = forced_answer_prompt(opening, candidate.trajectory.thinking)
        return ScoreRequest(prompt, candidate.reference_answer, ANSWER_END)


def geometric_mean(answer: TokenLogprobs) -> Score:
    """The geometric mean of token probabilities; not a number when there is no token or one of them is not finite."""
    if not answer.values or not all(map(math.isfinite, answer.values)):
        return Score(math.nan, math.nan)
    total = math.fsum(answer.values)
    return Score.of(math.exp(total / len(answer.values)), total)


@hookimpl
def cordspec_components() -> Iterable[type[Component]]:
    yield PredictivePerplexity
