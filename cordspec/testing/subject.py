"""What is checked, and what it is held against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from cordspec.plugin import Engine, EngineTraits, Prompt, ScoreRequest, thinking_prompt

QUESTION = "Shelf A holds 12 cups and 7 more are put on it. Then 4 are taken away. How many cups does shelf A hold?"


class Oracle(Protocol):
    """The same weights in plain float32, the whole string in one pass, without any cache."""

    def logprobs(self, request: ScoreRequest) -> Sequence[float]:
        """The log-probabilities of the tokens that overlap the target, in one encoding of all."""
        ...

    def next_logprobs(self, prompt: Prompt, text: str) -> Sequence[tuple[float, float]]:
        """For each token of ``text`` after the prompt: its log-probability, and that of the likeliest token there."""
        ...

    def length(self, text: str) -> int:
        """The tokens of a text, special tokens read as such."""
        ...


@dataclass(frozen=True, slots=True)
class Subject:
    """A loaded engine.

    Args:
        tolerance: nats a token by which its log-probabilities may differ from the oracle's.
        triples: how many (prefix, step, answer) triples are scored.
        special: a special token of its tokenizer, which data must never become; empty if it has none.
        seed: of all that is drawn.
    """

    engine: Engine
    oracle: Oracle
    tolerance: float = 1e-3
    triples: int = 200
    special: str = ""
    seed: int = 20_261
    question: str = QUESTION

    @property
    def traits(self) -> EngineTraits:
        """Those of the engine, which has been asked something by now."""
        assert self.engine.traits is not None, "an engine that was asked something says what it is"
        return self.engine.traits

    def prompt(self, thinking: str) -> Prompt:
        """The question with some thinking, as a teacher continues it."""
        return thinking_prompt(self.engine.opening(self.question), thinking)
