"""How many problems are worked on at a time: as many as their states fit into the engines, not as many as there are."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from cordspec.run.gather import first_failure

Item = TypeVar("Item")

UNKNOWN: Final = 8
"""Problems at a time as long as no engine has said what it can hold, or no problem what it needs."""
GROWTH: Final = 1.25
"""A problem under way is taken to become this much larger than it has been."""


@dataclass(slots=True, eq=False)
class Seat:
    """A problem under way, with the most tokens whose states it needed on one engine so far."""

    most: int = 0

    def holds(self, tokens: int) -> None:
        """So much is needed for it now."""
        self.most = max(self.most, tokens)


class Admission:
    """Lets problems in.

    A problem is let in while all that are under way, each taken to become as large as the largest seen, fit with it. One is
    always let in: whether it fits alone is the engine's to say. What is decided here changes no result.

    Args:
        most: problems at a time at most.
        room: tokens that the smallest engine can hold, None as long as that is not known, 0 where it never will be.
    """

    def __init__(self, most: int, room: Callable[[], int | None] = lambda: 0) -> None:
        self._most = most
        self._room = room
        self._seats: set[Seat] = set()
        self._largest = 0
        self._changed = asyncio.Event()
        self.peak = 0
        """The most problems that were under way at a time."""

    async def each(self, items: Iterable[Item], work: Callable[[int, Item, Seat], Coroutine[Any, Any, None]]) -> None:
        """Do the work of all items, with their places, as they are let in.

        Raises:
            Exception: the first failure; whatever else was going on has been cancelled.
        """
        try:
            async with asyncio.TaskGroup() as group:
                for place, item in enumerate(items):
                    seat = await self._enter()
                    group.create_task(self._seated(seat, place, item, work))
        except BaseExceptionGroup as failures:
            raise first_failure(failures) from None

    def look(self) -> None:
        """Something that decides who is let in may have changed."""
        self._changed.set()

    async def _enter(self) -> Seat:
        while not self._fits():
            self._changed.clear()
            await self._changed.wait()
        seat = Seat()
        self._seats.add(seat)
        self.peak = max(self.peak, len(self._seats))
        return seat

    async def _seated(
        self, seat: Seat, place: int, item: Item, work: Callable[[int, Item, Seat], Coroutine[Any, Any, None]]
    ) -> None:
        try:
            await work(place, item, seat)
        finally:
            self._seats.remove(seat)
            self._largest = max(self._largest, seat.most)
            self.look()

    def _fits(self) -> bool:
        under_way = len(self._seats)
        if not under_way or under_way >= self._most:
            return not under_way
        room = self._room()
        if room == 0:
            return True
        expected = max([self._largest, *(int(seat.most * GROWTH) for seat in self._seats)])
        if room is None or not expected:
            return under_way < UNKNOWN
        return (under_way + 1) * expected <= room
