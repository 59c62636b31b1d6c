"""`process_reward`: a process reward model's value of the newest step (paper, section 4.4)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar, Literal

from pydantic import Field

from cordspec.plugin import (
    Candidate,
    Component,
    Options,
    RewardModelRef,
    Score,
    ScoreEffort,
    Scorer,
    Tokens,
    Unavailable,
    hookimpl,
)

ABSENT = "process reward models are not in this version; `predictive_perplexity` is"


class ProcessRewardOptions(Options):
    """Options of `scorer NAME : process_reward { ... }`."""

    model: RewardModelRef = Field(description="the process reward model")
    window: Tokens = Field(4_096, gt=0, description="the newest tokens that it is shown: what it was trained on")
    aggregate: Literal["last", "min", "mean", "product"] = Field("last", description="how rewards of steps become one")


class ProcessReward(Scorer[ProcessRewardOptions]):
    """A process reward model's value of the newest step (paper, section 4.4)."""

    name: ClassVar[str] = "process_reward"
    needs_answer: ClassVar[bool] = False
    unit: ClassVar[Literal["step", "trajectory", "either"]] = "either"
    absent: ClassVar[str] = ABSENT

    @classmethod
    def effort(cls, options: ProcessRewardOptions, reference_tokens: int) -> ScoreEffort:
        return ScoreEffort(1, 0, 0)

    async def score(self, candidates: Sequence[Candidate]) -> Sequence[Score]:
        raise Unavailable(ABSENT)


@hookimpl
def cordspec_components() -> Iterable[type[Component]]:
    yield ProcessReward
