"""`student`: how a student is trained."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from cordspec.domain.facts import Capability, ModelFacts
from cordspec.domain.memory import Room, TrainingMemory
from cordspec.domain.problem import Solution
from cordspec.extension.component import Component, OptionsT
from cordspec.extension.kinds.engine import Model
from cordspec.extension.options import NotIdentity, Options


@dataclass(frozen=True, slots=True)
class TrainingStep:
    """How far a training is: optimiser steps done and in all (0 while that is not known), mean loss in nats per token, tokens
    read per second.
    """

    step: int
    steps: int
    loss: float | None
    tokens_per_second: float | None = None


OnStep = Callable[[TrainingStep], None]
"""Called after each optimiser step, and now and then with the last one again while a step takes long. What it raises must
end the training: the run is being stopped.
"""


Contaminated = Literal["report", "drop", "off"]


class StudentOptions(Options):
    """What every student may say beside what its trainer wants."""

    contaminated: Annotated[Contaminated, NotIdentity()] = Field(
        "report",
        description="training rows in which a question stands that students are measured on: told in the report, or left out "
        "of the training; `off` does not look",
    )


def contaminated(options: Options) -> Contaminated:
    """What becomes of contaminated rows; they are reported where a trainer's options do not say."""
    return options.contaminated if isinstance(options, StudentOptions) else "report"


@dataclass(frozen=True, slots=True)
class TrainingExample:
    """A question and the trace that the student learns to write for it."""

    question: str
    solution: Solution

    @property
    def text(self) -> str:
        """What models wrote of it."""
        return f"{self.solution.thinking}\n{self.solution.answer}"


@dataclass(frozen=True, slots=True)
class Continuation:
    """A proposal for a prefix of the thinking; ``closes`` where its teacher ended the thinking after it."""

    text: str
    closes: bool = False


@dataclass(frozen=True, slots=True)
class PreferencePair:
    """Two continuations of the same thinking, of which the student learns to prefer the first.

    ``prefix`` is the thinking before both, without the tag that opens it. ``margin`` is the score of the first less that of
    the second, above 0, in the scorer's unit.
    """

    question: str
    prefix: str
    chosen: Continuation
    rejected: Continuation
    margin: float

    @property
    def text(self) -> str:
        """What models wrote of it."""
        return f"{self.prefix}{self.chosen.text}\n{self.rejected.text}"


Wants = Literal["solutions", "pairs"]
"""What a trainer learns from: worked solutions, or pairs of steps, which only a decode has."""


@dataclass(frozen=True, slots=True)
class TrainingJob:
    """One training: the weights to start from, what is learnt, and where things go.

    ``models`` has the weights of the models, beside ``init``, that its options name to train from, by option.
    A trainer that wants pairs finds them in ``pairs``, and no ``examples``; all others the other way round.
    ``out`` is to hold weights, configuration and tokenizer at the end. ``work`` outlives a run that is cut off and is empty
    for a training that was never begun: checkpoints belong there. What lies in ``work/records`` at the end is kept beside
    the student. The order of examples must be a function of ``seed``.
    """

    init: Path
    examples: Sequence[TrainingExample]
    out: Path
    work: Path
    seed: int
    on_step: OnStep
    pairs: Sequence[PreferencePair] = ()
    models: Mapping[str, Path] = field(default_factory=dict)

    @property
    def records(self) -> Path:
        return self.work / "records"


@dataclass(frozen=True, slots=True)
class TrainingOutcome:
    """What a training did: losses in nats per token (of pairs, in nats per pair) as logged, and tokens with a loss, over all
    epochs.
    """

    losses: tuple[float, ...]
    examples: int
    tokens: int
    left_out: int
    """Examples longer than the maximum length that were not trained on."""
    shortened: int = 0
    """Examples longer than the maximum length that lost their end."""
    remarks: tuple[str, ...] = ()
    """What a reader of the report should know, a short sentence each."""


class Trainer(Component[OptionsT]):
    """Trains a student. Its options name ``init``, the model to start from, and ``data``."""

    kind: ClassVar[str] = "student"
    makes: ClassVar[frozenset[Capability]] = frozenset({"continue", "score", "weights", "chat"})
    """What its students can do; a spec that needs more of one is refused."""
    wants: ClassVar[Wants] = "solutions"
    """What it learns from. One that wants pairs should declare its ``data`` as a `DecodeRef`."""

    def facts(self) -> ModelFacts:
        """Sizes of the model that it starts from, where its options name one that is no block of the spec."""
        return ModelFacts()

    def lacking(self) -> str:
        """What a training would need and is not here, such as a package; empty for nothing. A look, not a try."""
        return ""

    def base(self) -> Model | None:
        """The model that it starts from, where its options name one that is no block of the spec."""
        return None

    def memory(self, facts: ModelFacts, room: Room) -> TrainingMemory | None:
        """What a training of a model of these sizes takes on the GPUs of a cluster; None where that is not known."""
        return None

    @abstractmethod
    def train(self, job: TrainingJob) -> TrainingOutcome:
        """Train from the weights in ``job.init``, going on from where an earlier call with this job was cut off.

        Raises:
            Unavailable: a package, memory or disk space is missing.
            InvalidData: the examples cannot be trained on.
            Failed: the training ended by itself.
        """
