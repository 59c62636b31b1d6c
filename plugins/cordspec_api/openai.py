"""`openai`: a model behind an OpenAI-compatible API, for what such an API can do: answer messages."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from cordspec.plugin import (
    Capability,
    Component,
    Engine,
    Model,
    NotIdentity,
    Options,
    Seconds,
    Unavailable,
    hookimpl,
)


class OpenAIOptions(Options):
    """Options of `model NAME : openai { ... }`. Addresses and keys are the operator's, never a spec's."""

    service: str = Field(
        "openai",
        pattern=r"^[A-Za-z][A-Za-z0-9_]*$",
        description="the service's name in the operator's environment: CORDSPEC_SERVICE_<NAME>_URL and _KEY",
    )
    model: str = Field(min_length=1, description="the model's name at that service")
    limit: Literal["max_completion_tokens", "max_tokens"] = Field(
        "max_completion_tokens", description="the name under which the service takes the limit on an answer's tokens"
    )
    sampling: Literal["given", "service"] = Field(
        "given",
        description="send temperature and top_p, or leave them to the service, as models that reason in secret want it",
    )
    retries: Annotated[int, NotIdentity()] = Field(
        5, ge=0, le=100, description="how often more a busy service is asked, after growing pauses"
    )
    timeout: Annotated[Seconds, NotIdentity()] = Field(600.0, gt=0, description="how long one answer may take")
    concurrency: Annotated[int, NotIdentity()] = Field(
        8, ge=1, le=1_024, description="requests under way at once at most"
    )


class OpenAIModel(Model[OpenAIOptions]):
    """An integrator or a judge. Such an API gives no log-probabilities of a given text and no raw continuation.

    What stands behind a model's name is the service's to change; a run repeats as long as its journal is there.
    """

    name: ClassVar[str] = "openai"
    capabilities: ClassVar[frozenset[Capability]] = frozenset({"chat"})

    def fingerprint(self) -> str:
        options = self.options
        return f"openai:{self.version}:{options.service}:{options.model}:{options.limit}:{options.sampling}"

    def open(self) -> Engine:
        from cordspec_api.address import address_of
        from cordspec_api.engine import ApiEngine, Manners

        if find_spec("httpx2") is None:
            raise Unavailable("a service is asked with httpx2, which is not here", 'pip install "cordspec[api]"')
        options = self.options
        manners = Manners(
            options.model, options.limit, options.sampling, options.retries, options.timeout, options.concurrency
        )
        return ApiEngine(address_of(options.service), manners)

    def at(self, weights: Path) -> Model:
        raise Unavailable("a model behind an API has no weights to train from")

    def weights_path(self) -> Path:
        raise Unavailable("a model behind an API has no weights to train from")


@hookimpl
def cordspec_components() -> Iterable[type[Component]]:
    yield OpenAIModel
