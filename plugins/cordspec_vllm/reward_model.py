"""`vllm_reward`: a process reward model served by vLLM."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import Field

from cordspec.plugin import Capability, Component, Engine, Model, ModelFacts, Options, Revision, Unavailable, hookimpl
from cordspec_hf.known_models import facts_of

ABSENT = "reward models on vLLM are not in this version; `transformers_reward` runs one from a local directory"


class VllmRewardOptions(Options):
    """Options of `model NAME : vllm_reward { ... }`."""

    weights: str = Field(min_length=1, description="the model's name on the hub, or a directory")
    revision: Annotated[str, Revision()] = Field(
        "", pattern=r"^([0-9a-f]{40})?$", description="the commit of the weights; `cordspec lock` finds it"
    )
    gpus: int = Field(1, ge=1, le=1_024, description="GPUs of one replica, by tensor parallelism")


class VllmReward(Model[VllmRewardOptions]):
    """Rewards of steps."""

    name: ClassVar[str] = "vllm_reward"
    capabilities: ClassVar[frozenset[Capability]] = frozenset({"reward"})
    absent: ClassVar[str] = ABSENT

    @property
    def gpus(self) -> int:
        return self.options.gpus

    def facts(self) -> ModelFacts:
        return facts_of(self.options.weights)

    def fingerprint(self) -> str:
        return f"{self.options.weights}@{self.options.revision}"

    def open(self) -> Engine:
        raise Unavailable(ABSENT)

    def at(self, weights: Path) -> Model:
        return type(self)(self.options.model_copy(update={"weights": str(weights), "revision": ""}))

    def weights_path(self) -> Path:
        raise Unavailable(ABSENT)


@hookimpl
def cordspec_components() -> Iterable[type[Component]]:
    yield VllmReward
