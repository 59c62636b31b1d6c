"""What is known of a model without opening it: enough to plan with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Capability = Literal["continue", "score", "reward", "chat", "weights"]
"""What an engine can do for a spec: continue raw prompts up to stop strings, give log-probabilities of a given text, give
rewards of steps, answer chat messages, hand out weights to train from."""


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """Sizes of a model; None where they are not known.

    ``parameters`` is a count; ``kv_bytes`` the bytes that one token's keys and values take in 16-bit numbers (2 layers
    heads dimension, times 2 bytes); ``context`` the longest prompt with its continuation, in tokens; ``layers`` transformer
    blocks of width ``hidden``; ``vocabulary`` the rows of the embedding.
    """

    parameters: float | None = None
    kv_bytes: int | None = None
    context: int | None = None
    layers: int | None = None
    hidden: int | None = None
    vocabulary: int | None = None
