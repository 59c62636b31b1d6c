"""What is asked of an engine and what it answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from cordspec.domain.prompt import Prompt

Finish = Literal["stop", "end", "length"]
"""Why a generation ended: at a stop string, at the model's end-of-sequence token, or at ``max_tokens``."""

Role = Literal["teacher", "prover", "evaluated"]
"""What a model is asked as. Costs are kept by role."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How tokens are drawn. Temperature 0 takes the likeliest token."""

    temperature: float = 0.6
    top_p: float = 1.0
    top_k: int = 0


@dataclass(frozen=True, slots=True)
class GenerateRequest:
    """Continue a raw prompt. All randomness comes from ``seed``, so the same request has the same answer."""

    prompt: Prompt
    sampling: Sampling
    stop: tuple[str, ...]
    max_tokens: int
    seed: int


@dataclass(frozen=True, slots=True)
class Generation:
    """A continuation. ``text`` ends before the stop string; ``tokens`` counts every token drawn, the stop's included."""

    text: str
    tokens: int
    finish: Finish
    stop: str | None = None
    prompt_tokens: int = 0


@dataclass(frozen=True, slots=True)
class ScoreRequest:
    """The log-probabilities of ``target`` after ``prompt``, in one encoding of ``prompt + target + after``."""

    prompt: Prompt
    target: str
    after: str


@dataclass(frozen=True, slots=True)
class TokenLogprobs:
    """The natural log-probability of each token that overlaps the target, in order."""

    values: tuple[float, ...]
    prompt_tokens: int = 0
