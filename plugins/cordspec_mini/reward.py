"""`mini_reward`: the trained process reward model that ships with cordspec."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

from cordspec.plugin import Capability, Component, Model, Options, hookimpl
from cordspec_hf.reward_model import TransformersReward, TransformersRewardOptions
from cordspec_mini.models import CHECKPOINTS, Committed

NAME = "prm"


class MiniRewardOptions(Options):
    """Options of `model NAME : mini_reward { ... }`: it has none."""


class MiniReward(Committed[MiniRewardOptions]):
    """A small process reward model. Its card says what it tells apart."""

    name: ClassVar[str] = "mini_reward"
    capabilities: ClassVar[frozenset[Capability]] = frozenset({"reward"})

    def over(self, weights: Path) -> Model:
        return TransformersReward(TransformersRewardOptions(weights=str(weights), dtype="float64", device="cpu"))

    def weights_path(self) -> Path:
        return CHECKPOINTS / NAME


@hookimpl
def cordspec_components() -> Iterable[type[Component]]:
    yield MiniReward
