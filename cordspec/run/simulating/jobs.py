"""Requests as a replica sees them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from cordspec.run.simulating.prefixes import Node, Piece
from cordspec.run.simulating.texts import length, pieces_of


@dataclass(eq=False, slots=True)
class Job:
    """A request at work: a prompt of ``prompt`` tokens, made of ``pieces`` and of ``tail`` tokens in no piece, after which
    ``tokens`` are written, none where it is only scored. ``written`` are the pieces that end in what it writes.
    """

    pieces: list[Piece]
    tail: int
    prompt: int
    tokens: int
    written: list[Piece]
    arrived: float
    over: asyncio.Future[None]
    begun: bool = False
    path: list[Node] = field(default_factory=list)
    todo: int = 0
    """Prompt tokens that are not computed yet."""
    done: int = 0
    """Tokens written."""
    computed: int = 0
    """Prompt tokens computed for it, those computed again after it had to make room included."""

    @staticmethod
    def of(prompt: str, written: str, tokens: int) -> Job:
        """The job of a request that arrives now."""
        loop = asyncio.get_running_loop()
        pieces, rest = pieces_of(prompt)
        whole, _ = pieces_of(prompt + written) if written else (pieces, "")
        tail = len(rest.split())
        return Job(pieces, tail, length(pieces) + tail, tokens, whole[len(pieces) :], loop.time(), loop.create_future())

    @property
    def context(self) -> int:
        """Tokens of the prompt and of what is written."""
        return self.prompt + self.done

    @property
    def own(self) -> int:
        """Tokens whose states are its own, in no piece."""
        return self.tail + self.done

    @property
    def left(self) -> int:
        return self.tokens - self.done
