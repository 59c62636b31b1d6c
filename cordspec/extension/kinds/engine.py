"""`model`: weights behind an engine."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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
    """What an engine did since it was opened: prompt tokens put through the model, prompt tokens taken from its prefix
    store instead, tokens generated, and requests answered.

    ``busy`` are the seconds in which it computed anything, ``queued`` the seconds that requests waited before anything was
    computed for them, summed over requests; both 0 where an engine cannot tell.
    """

    prefilled: int = 0
    reused: int = 0
    generated: int = 0
    requests: int = 0
    busy: float = 0.0
    queued: float = 0.0


@dataclass(frozen=True, slots=True)
class EngineTraits:
    """What an engine was found to be when it was attached. It goes into the records of a run and decides no answer.

    ``context`` is the longest prompt with its continuation and ``resident`` how much it can hold the states of at a time,
    both in tokens, None where that is not known. States are reused in whole blocks of ``block`` tokens (0: they are not
    reused). ``scoring`` names the route by which log-probabilities come (empty: there is none). ``found`` is all else that
    was asked or tried, by name.
    """

    engine: str
    context: int | None = None
    resident: int | None = None
    block: int = 1
    scoring: str = ""
    found: Mapping[str, str | int | float | bool] = field(default_factory=dict)


class Engine(Protocol):
    """A loaded model. Batched and asynchronous: one call may hold many requests, whose answers come in their order, and
    calls overlap. What is asked at the same time is computed together where that is faster: batches are the engine's own.

    An answer depends on its request alone, not on what else is in the batch, on earlier requests or on their order, to
    within the arithmetic that the model declares. Special tokens are recognised in template segments only. When a call is
    cancelled, what was asked in it is given up within a second.
    """

    @property
    def counters(self) -> EngineCounters: ...

    @property
    def traits(self) -> EngineTraits | None:
        """What it was found to be; None as long as it has not been attached, which is when it is first asked something."""
        ...

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
        """GPUs that it occupies while it is open, those of all its replicas."""
        return 0

    @property
    def replicas(self) -> int:
        """In how many equal copies it is served."""
        return 1

    def lacking(self) -> str:
        """What opening it would need and is not here, such as GPUs or a package; empty for nothing. A look, not a try:
        nothing is opened or fetched for it.
        """
        return ""

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
