"""`mcts`: Monte Carlo tree search over steps, with complete rollouts (paper, section 4.4)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar, Literal

from pydantic import Field

from cordspec.plugin import Component, Options, Search, SearchMachine, SearchSetting, Unavailable, Wave, hookimpl

ABSENT = "tree search is not in this version; `beam` is"


class MctsOptions(Options):
    """Options of `search NAME : mcts { ... }`."""

    iterations: int = Field(4, ge=1, le=10_000, description="selections, expansions and rollouts for each move")
    exploration: float = Field(2**0.5, ge=0, description="the constant of the upper confidence bound")
    rule: Literal["ucb1", "puct"] = Field("ucb1", description="which child is visited next")
    backup: Literal["mean", "max"] = Field("mean", description="how a rollout's score changes the nodes above it")


class Mcts(Search[MctsOptions]):
    """Monte Carlo tree search over steps, with complete rollouts (paper, section 4.4)."""

    name: ClassVar[str] = "mcts"
    unit: ClassVar[str] = "step"
    absent: ClassVar[str] = ABSENT

    def waves(self, steps: int, teachers: int) -> Sequence[Wave]:
        return [Wave(self.options.iterations, depth, steps - depth, 1) for depth in range(steps)]

    def start(self, setting: SearchSetting) -> SearchMachine:
        raise Unavailable(ABSENT)


@hookimpl
def cordspec_components() -> Iterable[type[Component]]:
    yield Mcts
