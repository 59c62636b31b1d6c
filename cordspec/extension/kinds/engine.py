"""`model`: weights behind an engine."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol

from cordspec.domain.facts import Capability, ModelFacts
from cordspec.domain.inference import (
    GenerateRequest,
    Generation,
    RewardRequest,
    Rewards,
    ScoreRequest,
    TokenLogprobs,
)
from cordspec.domain.prompt import Prompt
from cordspec.extension.component import Component, OptionsT


@dataclass(frozen=True, slots=True)
class EngineCounters:
    """What an engine computed since it was opened, in tokens: prompt tokens put through the model, prompt tokens taken
    from its prefix store instead, and tokens generated.
    """

    prefilled: int = 0
    reused: int = 0
    generated: int = 0


class Engine(Protocol):
    """A loaded model. Batched: one call, many requests; the answers come in the order of the requests.

    An answer depends on its request alone, not on what else is in the batch, on earlier requests or on their order, to
    within the arithmetic that the model declares. Special tokens are recognised in template segments only.
    """

    @property
    def counters(self) -> EngineCounters: ...

    def opening(self, question: str) -> Prompt:
        """The model's own chat template around a question, up to where the assistant's turn begins."""
        ...

    def count_tokens(self, text: str) -> int:
        """The length of a plain text in the model's tokens."""
        ...

    async def generate(self, requests: Sequence[GenerateRequest]) -> Sequence[Generation]:
        """Continue raw prompts up to a stop string, the model's end token or ``max_tokens``.

        A prompt that leaves no room in the context is answered with an empty ``length`` generation of 0 tokens.
        """
        ...

    async def score(self, requests: Sequence[ScoreRequest]) -> Sequence[TokenLogprobs]:
        """Natural log-probabilities, in float32 or better, of the tokens that overlap each target.

        The target's tokens are those of one encoding of ``prompt + target + after`` (paper.md section 4).
        """
        ...

    async def reward(self, requests: Sequence[RewardRequest]) -> Sequence[Rewards]:
        """The rewards of steps; only of a model that declares the capability ``reward``.

        Raises:
            Unavailable: this engine has no reward head.
        """
        ...

    async def close(self) -> None: ...


class Model(Component[OptionsT]):
    """Weights with engine settings, not yet loaded. Teacher, prover and student are roles of a model, not classes."""

    kind: ClassVar[str] = "model"
    capabilities: ClassVar[frozenset[Capability]] = frozenset({"continue", "score", "weights", "chat"})
    """What its engine can do; a spec that needs more is refused."""

    @property
    def gpus(self) -> int:
        """GPUs that it occupies while it is open."""
        return 0

    def facts(self) -> ModelFacts:
        """Its sizes, as far as they are known without opening it."""
        return ModelFacts()

    @abstractmethod
    def fingerprint(self) -> str:
        """A hash of all that decides an answer: weights, tokenizer, template, number format. Loads no model.

        Raises:
            Unavailable: the weights are not here.
        """

    @abstractmethod
    def open(self) -> Engine:
        """Load the model.

        Raises:
            Unavailable: a package, the weights or memory is missing.
        """

    @abstractmethod
    def at(self, weights: Path) -> Model:
        """The same settings over other weights: a trained student of this model."""

    @abstractmethod
    def weights_path(self) -> Path:
        """The directory that a trainer starts from.

        Raises:
            Unavailable: the weights are not on this machine.
        """
