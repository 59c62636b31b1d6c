"""`student`: how a student is trained."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from cordspec.domain.facts import Capability, ModelFacts
from cordspec.domain.problem import Solution
from cordspec.extension.component import Component, OptionsT

OnStep = Callable[[int, int, float], None]
"""Called with the optimiser step, the number of steps in all, and the mean loss in nats per token."""


@dataclass(frozen=True, slots=True)
class TrainingExample:
    """A question and the trace that the student learns to write for it."""

    question: str
    solution: Solution


@dataclass(frozen=True, slots=True)
class TrainingOutcome:
    """What a training did: losses in nats per token as logged, and tokens with a loss, over all epochs."""

    losses: tuple[float, ...]
    examples: int
    tokens: int
    left_out: int
    """Examples longer than the maximum length; they were not cut but left out."""


class Trainer(Component[OptionsT]):
    """Trains a student. Its options name ``init``, the model to start from, and ``data``."""

    kind: ClassVar[str] = "student"
    makes: ClassVar[frozenset[Capability]] = frozenset({"continue", "score", "weights", "chat"})
    """What its students can do; a spec that needs more of one is refused."""

    def facts(self) -> ModelFacts:
        """Sizes of the model that it starts from, where its options name one that is no block of the spec."""
        return ModelFacts()

    @abstractmethod
    def train(
        self, init: Path, examples: Sequence[TrainingExample], out: Path, seed: int, on_step: OnStep
    ) -> TrainingOutcome:
        """Train from the weights in ``init`` and save weights, configuration and tokenizer into ``out``.

        Raises:
            Unavailable: a package is missing.
            InvalidData: the examples cannot be trained on.
        """
