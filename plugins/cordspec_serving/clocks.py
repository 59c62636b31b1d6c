"""How long a server is waited for: five clocks, all of them monotonic."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from cordspec.plugin import NotIdentity, Seconds, Unavailable
from cordspec_hf.prompting.options import PromptOptions
from cordspec_serving.backend import NotOffered


@dataclass(frozen=True, slots=True)
class Clocks:
    """In seconds. ``patience`` is for a server as a whole, the others are for one call.

    ``first_token`` and ``between_tokens`` are set again, when they run out, as long as the server moves elsewhere: a prompt
    that waits its turn or is read for minutes is no prompt that was lost. ``deadline`` is not set again by anything.
    """

    patience: float = 300.0
    connect: float = 5.0
    first_token: float = 300.0
    between_tokens: float = 120.0
    deadline: float = 7_200.0


class ClockOptions(PromptOptions):
    """A base of the options of models that servers hold."""

    patience: Annotated[Seconds, NotIdentity()] = Field(
        300.0, gt=0, description="how long a server may read and write nothing before it is taken to stand still"
    )
    connect: Annotated[Seconds, NotIdentity()] = Field(5.0, gt=0, description="how long a connection may take")
    first_token: Annotated[Seconds, NotIdentity()] = Field(
        300.0,
        gt=0,
        description="how long a call may be without its first token while its server does nothing else either",
    )
    between_tokens: Annotated[Seconds, NotIdentity()] = Field(
        120.0, gt=0, description="how long a call may be without a next token while its server does nothing else either"
    )
    deadline: Annotated[Seconds, NotIdentity()] = Field(
        7_200.0,
        gt=0,
        description="how long one answer may take in all; one that takes longer is lost, and counted as such",
    )


def clocks_of(options: ClockOptions) -> Clocks:
    """The clocks that a model block sets."""
    return Clocks(
        options.patience, options.connect, options.first_token, options.between_tokens, options.deadline
    )  # fmt: skip


class Grace:
    """Whether a clock that ran out is set again: its server has moved since the last look. The first look only remembers.

    Args:
        progress: a number that changes while the server works on anything; None where it does not tell.
        within: seconds in which it has to say that number.
    """

    def __init__(self, progress: Callable[[], Awaitable[float | None]], within: float) -> None:
        self._progress = progress
        self._within = within
        self._seen: float | None = None

    async def given(self) -> bool:
        try:
            async with asyncio.timeout(self._within):
                seen = await self._progress()
        except (TimeoutError, Unavailable, NotOffered):
            return False
        moved = seen is not None and seen != self._seen
        self._seen = seen
        return moved
