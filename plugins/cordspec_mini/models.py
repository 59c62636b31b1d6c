"""`mini`: the trained miniature models that ship with cordspec, and blank ones to train from."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from cordspec.plugin import Component, Engine, Model, ModelFacts, Options, hookimpl
from cordspec_hf.transformers_model import TransformersModel, TransformersModelOptions

PREFIX_TOKENS = 40_000
"""Held states take about 5 KB a token in float64; several models share a laptop."""
CHECKPOINTS = Path(__file__).parent / "checkpoints"
Name = Literal["adder", "subtracter", "multiplier", "prover", "base"]


class MiniOptions(Options):
    """Options of `model NAME : mini { ... }`."""

    name: Name = Field(description="which of the miniature models")


class Mini(Model[MiniOptions]):
    """A committed checkpoint, run in float64 so that a run repeats byte for byte. Its card says what it is good at."""

    name: ClassVar[str] = "mini"

    def __init__(self, options: MiniOptions, weights: Path | None = None) -> None:
        super().__init__(options)
        path = weights or CHECKPOINTS / options.name
        self._model = TransformersModel(
            TransformersModelOptions(weights=str(path), dtype="float64", device="cpu", prefix_tokens=PREFIX_TOKENS)
        )

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
    yield Mini
