"""`mini_reward`: the trained process reward model that ships with cordspec."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

from cordspec.plugin import Capability, Component, Engine, Model, ModelFacts, Options, hookimpl
from cordspec_hf.reward_model import TransformersReward, TransformersRewardOptions
from cordspec_mini.models import CHECKPOINTS

NAME = "prm"


class MiniRewardOptions(Options):
    """Options of `model NAME : mini_reward { ... }`: it has none."""


class MiniReward(Model[MiniRewardOptions]):
    """A committed checkpoint, run in float64 so that a run repeats byte for byte. Its card says what it tells apart."""

    name: ClassVar[str] = "mini_reward"
    capabilities: ClassVar[frozenset[Capability]] = frozenset({"reward"})

    def __init__(self, options: MiniRewardOptions, weights: Path | None = None) -> None:
        super().__init__(options)
        path = weights or CHECKPOINTS / NAME
        self._model = TransformersReward(TransformersRewardOptions(weights=str(path), dtype="float64", device="cpu"))

    def weights_path(self) -> Path:
        return self._model.weights_path()

    def facts(self) -> ModelFacts:
        return self._model.facts()

    def fingerprint(self) -> str:
        return self._model.fingerprint()

    def open(self) -> Engine:
        return self._model.open()

    def at(self, weights: Path) -> Model:
        return type(self)(self.options, weights)


@hookimpl
def cordspec_components() -> Iterable[type[Component]]:
    yield MiniReward
