"""`process_reward`: a process reward model's value of the newest step (paper, section 4.4)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import ClassVar, Final, Literal

from pydantic import Field

from cordspec.plugin import (
    Candidate,
    Component,
    Context,
    Options,
    RewardModelRef,
    RewardRequest,
    Score,
    ScoreEffort,
    Scorer,
    Tokens,
    hookimpl,
)


class ProcessRewardOptions(Options):
    """Options of `scorer NAME : process_reward { ... }`."""

    model: RewardModelRef = Field(description="the process reward model")
    window: Tokens = Field(4_096, gt=0, description="the newest tokens that it is shown: what it was trained on")
    aggregate: Literal["last", "min", "mean", "product"] = Field("last", description="how rewards of steps become one")


class ProcessReward(Scorer[ProcessRewardOptions]):
    """What a process reward model thinks of the steps that fit in its window, in [0, 1]; by default of the newest one.

    It never sees the reference answer. A candidate without a step, or whose newest step is longer than the window, has
    no score.
    """

    name: ClassVar[str] = "process_reward"
    needs_answer: ClassVar[bool] = False
    unit: ClassVar[Literal["step", "trajectory", "either"]] = "either"
    reads_lengths: ClassVar[bool] = False

    def __init__(self, options: ProcessRewardOptions, context: Context) -> None:
        super().__init__(options, context)
        self._model = context.engine(options.model, "reward")
        self._aggregate = AGGREGATES[options.aggregate]

    @classmethod
    def effort(cls, options: ProcessRewardOptions, reference_tokens: int) -> ScoreEffort:
        return ScoreEffort(1, 0, 0)

    async def score(self, candidates: Sequence[Candidate]) -> Sequence[Score]:
        from asyncio import gather

        return await gather(*(self._score(candidate) for candidate in candidates))

    async def _score(self, candidate: Candidate) -> Score:
        steps = tuple(step.text for step in candidate.trajectory.steps)
        if not steps:
            return Score(math.nan)
        request = RewardRequest(candidate.problem.question, steps, self.options.window)
        values = (await self._model.reward(request)).values
        if not values or not all(map(math.isfinite, values)):
            return Score(math.nan)
        return Score.of(self._aggregate(values))


def newest(rewards: Sequence[float]) -> float:
    """The reward of the newest step."""
    return rewards[-1]


def mean(rewards: Sequence[float]) -> float:
    """The arithmetic mean of the rewards."""
    return math.fsum(rewards) / len(rewards)


AGGREGATES: Final[Mapping[str, Callable[[Sequence[float]], float]]] = {
    "last": newest,
    "min": min,
    "mean": mean,
    "product": math.prod,
}


@hookimpl
def cordspec_components() -> Iterable[type[Component]]:
    yield ProcessReward
