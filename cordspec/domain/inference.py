"""What is asked of an engine and what it answers."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

from cordspec.domain.prompt import Prompt

_UNREADABLE = re.compile("[\x00\ud800-\udfff]")
Finish = Literal["stop", "end", "length", "deadline"]
"""Why a generation ended: at a stop string, at the model's end-of-sequence token, or at ``max_tokens``. One that a deadline
ended has no text: nothing of it is used."""

Role = Literal["teacher", "prover", "judge", "reward", "integrator", "evaluated"]
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
    min_tokens: int = 0
    """Stop strings other than ``</think>`` are not looked for in this many first tokens."""


@dataclass(frozen=True, slots=True)
class Generation:
    """A continuation. ``text`` ends before the stop string; ``tokens`` counts every token drawn, the stop's included."""

    text: str
    tokens: int
    finish: Finish
    stop: str | None = None
    prompt_tokens: int = 0
    prefilled: int = field(default=0, compare=False)
    """Prompt tokens that were computed for it; the others' states were held already. A cost, not part of the answer."""

    @property
    def readable(self) -> bool:
        """Whether its text can be written to a file and sent to another model: no half of a surrogate pair, no NUL."""
        return _UNREADABLE.search(self.text) is None


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
    prefilled: int = field(default=0, compare=False)
    """As in `Generation`, the scored tokens included."""


@dataclass(frozen=True, slots=True)
class RewardRequest:
    """How good each of these steps is, seen after the steps before it and the question."""

    question: str
    steps: tuple[str, ...]
    window: int
    """The newest tokens of the steps that the model may be shown; what does not fit is left out from the front."""


@dataclass(frozen=True, slots=True)
class Rewards:
    """One reward per step, in order, as the model was trained to give it (a probability of being right, in [0, 1]).

    A step that fell out of the window has none: ``values`` are those of the last steps.
    """

    values: tuple[float, ...]
    prompt_tokens: int = 0
    prefilled: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Call:
    """What one call of an engine cost. ``prompt_tokens`` were sent, ``prefilled`` of them computed; ``seconds`` is its
    share of the engine's busy time when the answer was first given.
    """

    role: Role
    model: str
    prompt_tokens: int
    prefilled: int
    generated: int
    scored: int
    seconds: float
