"""How many calls a server has at a time: as many as it takes. It is found out, since no server says it."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

BEGIN: Final = 8
"""Calls under way before the server has taken any; one more for each that it takes, until it refuses one."""
SLOWLY: Final = 50
"""Calls that a server takes before it is tried with one more than it last refused; after that half as many, and so on."""
FAST: Final = 4
"""The fewest such calls: what a server will refuse is under way when the first one is refused."""


class AdaptiveLimit:
    """A limit on calls under way that grows while calls are taken and falls when one is refused.

    Growth by one and a fall to what the server holds is congestion control as of TCP, whose slow start is here the growth by
    one for each call taken: a few calls more than fit are refused at the beginning, and at most one in fifty later.

    Args:
        most: it never grows beyond.
    """

    def __init__(self, most: float = math.inf) -> None:
        self._most = most
        self._limit = min(BEGIN, most)
        self._due = 1
        self._taken = 0
        self._under_way = 0
        self._urgent: deque[asyncio.Future[None]] = deque()
        self._others: deque[asyncio.Future[None]] = deque()

    @property
    def limit(self) -> float:
        """Calls that may be under way now."""
        return self._limit

    @property
    def waiting(self) -> int:
        """Calls that wait for their turn."""
        return len(self._urgent) + len(self._others)

    @asynccontextmanager
    async def slot(self, *, urgent: bool = False) -> AsyncIterator[None]:
        """Room for one call, waited for in the order of coming, but that the urgent ones go before the others."""
        if self.waiting or self._under_way >= self._limit:
            await self._turn(self._urgent if urgent else self._others)
        else:
            self._under_way += 1
        try:
            yield
        finally:
            self._left()

    def taken(self) -> None:
        """The server has begun a call, or answered it."""
        if self._under_way < self._limit:
            return  # the limit is not what holds calls back
        self._taken += 1
        if self._taken >= self._due:
            self._limit = min(self._most, self._limit + 1)
            self._taken, self._due = 0, max(min(FAST, self._due), self._due // 2)
            self._let_in()

    def refused(self) -> bool:
        """The server has too much to do for one that is in its slot. What it has beside that one is what it takes; whether
        there is any.
        """
        others = self._under_way - 1
        self._limit = max(1, others)
        self._taken, self._due = 0, max(SLOWLY, others)
        return others > 0

    async def _turn(self, line: deque[asyncio.Future[None]]) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        line.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # let in and given up at the same moment
                self._left()
            elif turn in line:
                line.remove(turn)
            raise

    def _left(self) -> None:
        self._under_way -= 1
        self._let_in()

    def _let_in(self) -> None:
        while self.waiting and self._under_way < self._limit:
            turn = (self._urgent or self._others).popleft()
            if not turn.done():
                self._under_way += 1
                turn.set_result(None)
