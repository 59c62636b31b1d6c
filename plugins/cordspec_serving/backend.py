"""What the engine asks of something that serves a model: a server, or vLLM in this process. Token ids in, numbers out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from cordspec.plugin import Sampling

Ids = tuple[int, ...]
LOWEST = -9_998.0
"""vLLM writes -9999 where JSON cannot say minus infinity: anything this low is no number."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """Continue token ids. ``urgent`` requests go before others where the server knows priorities."""

    ids: Ids
    sampling: Sampling
    seed: int
    max_tokens: int
    stop: tuple[str, ...] = ()
    urgent: bool = False


@dataclass(frozen=True, slots=True)
class Drawn:
    """A continuation: its ids, its text without the stop string, and how it ended (``stop`` is None for an end token).

    ``cached`` are the prompt tokens whose states the server held, None where it does not say.
    """

    ids: Ids
    text: str
    cut_off: bool
    stop: str | None
    cached: int | None


@dataclass(frozen=True, slots=True)
class Span:
    """The tokens ``ids[first:last]`` after those before them; ``first`` is at least 1."""

    ids: Ids
    first: int
    last: int

    @property
    def target(self) -> Ids:
        return self.ids[self.first : self.last]


@dataclass(frozen=True, slots=True)
class Valued:
    """The natural log-probability of each token of a span, None where the server gave none."""

    values: tuple[float | None, ...]
    cached: int | None
    """Of one prompt of those that were sent, as in `Drawn`."""
    prompts: int = 1
    """How many prompts were sent for it."""


@dataclass(frozen=True, slots=True)
class About:
    """What a server says of itself; None or empty for what it does not say. ``resident`` and ``block`` are in tokens."""

    version: str
    model: str
    context: int | None = None
    resident: int | None = None
    block: int | None = None
    found: Mapping[str, str | int | float | bool] = field(default_factory=dict)


class NotOffered(Exception):
    """Raised where a server does not know what is asked of it; the message says what it answered."""


class Backend(Protocol):
    """One replica of a model. Calls overlap; a cancelled call is given up by the server too."""

    async def about(self) -> About: ...

    async def tokenized(self, text: str) -> Ids:
        """A plain text in the server's own tokens, without tokens around it.

        Raises:
            NotOffered: the server does not tell.
        """
        ...

    async def draw(self, drawing: Drawing) -> Drawn: ...

    async def next_tokens(self, span: Span, *, urgent: bool) -> Valued:
        """Each token of the span as the next one after all before it, by requests of one token.

        Raises:
            NotOffered: it gives no log-probabilities of chosen tokens.
        """
        ...

    async def prompt_rows(self, span: Span, *, urgent: bool) -> Valued:
        """The span's rows of the prompt's log-probabilities and no others, held states being used.

        Raises:
            NotOffered: it does not select rows.
        """
        ...

    async def held_prompt(self, span: Span, *, urgent: bool) -> Valued:
        """The prompt's log-probabilities with held states being used; rows of held states are None.

        Raises:
            NotOffered: it does not say which rows those are.
        """
        ...

    async def whole_prompt(self, span: Span, *, urgent: bool) -> Valued:
        """The prompt's log-probabilities, everything computed again.

        Raises:
            NotOffered: it gives none.
        """
        ...

    async def serves(self) -> tuple[str, ...]:
        """What it says that it serves, in words that stay the same as long as it serves the same. Nothing is computed."""
        ...

    async def renewed(self) -> bool:
        """Whether another server may stand where this one stood when it was last asked. Nothing is computed."""
        ...

    async def progress(self) -> float | None:
        """A number that grows while the server works on anything; None if it does not tell."""
        ...

    async def close(self) -> None: ...
