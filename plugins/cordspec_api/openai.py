"""`openai`: a model behind an OpenAI-compatible API, for what such an API can do: answer messages."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from cordspec.plugin import Capability, Component, Engine, Model, Options, Unavailable, hookimpl

ABSENT = "calls to an API are not in this version"


class OpenAIOptions(Options):
    """Options of `model NAME : openai { ... }`. Addresses and keys are the operator's, never a spec's."""

    service: str = Field("openai", min_length=1, description="the service's name in the operator's configuration")
    model: str = Field(min_length=1, description="the model's name at that service")


class OpenAIModel(Model[OpenAIOptions]):
    """An integrator or a judge. Such an API gives no log-probabilities of a given text and no raw continuation."""

    name: ClassVar[str] = "openai"
    capabilities: ClassVar[frozenset[Capability]] = frozenset({"chat"})
    absent: ClassVar[str] = ABSENT

    def fingerprint(self) -> str:
        return f"{self.options.service}:{self.options.model}"

    def open(self) -> Engine:
        raise Unavailable(ABSENT)

    def at(self, weights: Path) -> Model:
        raise Unavailable("a model behind an API has no weights to train from")

    def weights_path(self) -> Path:
        raise Unavailable("a model behind an API has no weights to train from")


@hookimpl
def cordspec_components() -> Iterable[type[Component]]:
    yield OpenAIModel
