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

    ``repeated`` calls of a server were made again because it had failed, ``censored`` answers were lost to a deadline, and
    ``failed_scores`` were none: a log-probability was missing or no number. ``orphaned`` tokens were drawn for nobody: their
    answer was torn, or given up before its end.
    """

    prefilled: int = 0
    reused: int = 0
    generated: int = 0
    requests: int = 0
    busy: float = 0.0
    queued: float = 0.0
    repeated: int = 0
    censored: int = 0
    failed_scores: int = 0
    orphaned: int = 0


@dataclass(frozen=True, slots=True)
class EngineIdentity:
    """What tells one model behind a server from another under the same name.

    ``served`` are the server's own words. ``drawn`` are the first tokens of a fixed draw, ``values`` the log-probabilities of
    a fixed text (empty where there are none), of which two answers of the same weights differ by ``tolerance`` nats at most.
    """

    served: tuple[str, ...]
    drawn: tuple[int, ...]
    values: tuple[float, ...] = ()
    tolerance: float = 0.0

    def parts_from(self, other: EngineIdentity) -> str:
        """Why the other is another model; empty if nothing says so. Numbers are told apart before draws, in which rounding
        alone may choose another token.
        """
        if self.served != other.served:
            return f"it serves {' '.join(filter(None, self.served))}, and {' '.join(filter(None, other.served))} before"
        if len(self.values) != len(other.values):
            return f"it gives {len(self.values)} log-probabilities of a text, and gave {len(other.values)} before"
        if any(abs(now - then) > self.tolerance for now, then in zip(self.values, other.values, strict=True)):
            return "it answers by other weights than before, under the same name"
        if not self.values and self.drawn != other.drawn:
            return "it answers by other weights than before, under the same name"
        return ""


@dataclass(frozen=True, slots=True)
class EngineTraits:
    """What an engine was found to be when it was attached. It goes into the records of a run and decides no answer.

    ``context`` is the longest prompt with its continuation and ``resident`` how much it can hold the states of at a time,
    both in tokens, None where that is not known. States are reused in whole blocks of ``block`` tokens (0: they are not
    reused). ``scoring`` names the route by which log-probabilities come (empty: there is none). ``found`` is all else that
    was asked or tried, by name. ``identity`` is None of an engine that cannot become another one under its name.
    """

    engine: str
    context: int | None = None
    resident: int | None = None
    block: int = 1
    scoring: str = ""
    found: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    identity: EngineIdentity | None = None


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
    served: ClassVar[bool] = False
    """Whether it computes in other processes, which a request that is too large would end."""

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
