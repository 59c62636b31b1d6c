"""`mini`: the trained miniature models that ship with cordspec."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field
from typing_extensions import TypeVar

from cordspec.plugin import Component, Engine, Model, ModelFacts, Options, hookimpl
from cordspec_hf.transformers_model import TransformersModel, TransformersModelOptions

PREFIX_TOKENS = 40_000
"""Held states take about 5 KB a token in float64; several models share a laptop."""
CHECKPOINTS = Path(__file__).parent / "checkpoints"
OptionsT = TypeVar("OptionsT", bound=Options, default=Any)
Name = Literal["adder", "subtracter", "multiplier", "prover", "base"]


class MiniOptions(Options):
    """Options of `model NAME : mini { ... }`."""

    name: Name = Field(description="which of the miniature models")


class Committed(Model[OptionsT]):
    """A checkpoint that ships with cordspec, run in float64 so that a run repeats byte for byte."""

    @abstractmethod
    def over(self, weights: Path) -> Model:
        """The model of these weights."""

    @abstractmethod
    def weights_path(self) -> Path: ...

    @property
    def _model(self) -> Model:
        return self.over(self.weights_path())

    def facts(self) -> ModelFacts:
        return self._model.facts()

    def fingerprint(self) -> str:
        return self._model.fingerprint()

    def open(self) -> Engine:
        return self._model.open()

    def at(self, weights: Path) -> Model:
        return self.over(weights)


class Mini(Committed[MiniOptions]):
    """A small language model. Its card says what it is good at."""

    name: ClassVar[str] = "mini"

    def over(self, weights: Path) -> Model:
        return TransformersModel(
            TransformersModelOptions(weights=str(weights), dtype="float64", device="cpu", prefix_tokens=PREFIX_TOKENS)
        )

    def weights_path(self) -> Path:
        return CHECKPOINTS / self.options.name


@hookimpl
def cordspec_components() -> Iterable[type[Component]]:
    yield Mini
