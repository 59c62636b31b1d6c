"""How many problems are worked on at a time: as many as their states fit into the engines, not as many as there are."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from cordspec.run.gather import first_failure

Item = TypeVar("Item")

UNKNOWN: Final = 8
"""Problems at a time as long as no engine has said what it can hold."""
HELD: Final = 0.6
"""Problems that began one after the other hold on the average little more than half of what each of them needs at its end."""


@dataclass(slots=True, eq=False)
class Seat:
    """A problem under way, with the most tokens whose states it needed on one engine so far."""

    most: int = 0

    def holds(self, tokens: int) -> None:
        """So much is needed for it now."""
        self.most = max(self.most, tokens)


class Admission:
    """Lets problems in.

    As many as fit at their largest are let in at once. Some more fit when they are not all at their largest together: these
    come in one by one, each when the one before it has done its first wave. One is always let in: whether it fits alone is
    the engine's to say. How large problems become is learnt from those that have ended. This changes no result.

    Args:
        most: problems at a time at most.
        room: tokens that the smallest engine can hold, None as long as that is not known, 0 where it never will be.
        largest: tokens that a problem can need at most, by its budget; used as long as none has ended.
    """

    def __init__(self, most: int, room: Callable[[], int | None] = lambda: 0, largest: int = 0) -> None:
        self._most = most
        self._room = room
        self._largest = largest
        self._seats: list[Seat] = []
        self._ended, self._needed = 0, 0
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
        self._seats.append(seat)
        self.peak = max(self.peak, len(self._seats))
        return seat

    async def _seated(
        self, seat: Seat, place: int, item: Item, work: Callable[[int, Item, Seat], Coroutine[Any, Any, None]]
    ) -> None:
        try:
            await work(place, item, seat)
        finally:
            self._seats.remove(seat)
            self._ended, self._needed = self._ended + 1, self._needed + seat.most
            self.look()

    def _fits(self) -> bool:
        under_way = len(self._seats)
        if not under_way or under_way >= self._most:
            return not under_way
        room = self._room()
        if room == 0:
            return True
        if room is None:
            return under_way < UNKNOWN
        needs = (under_way + 1) * (self._needed / self._ended if self._ended else self._largest)
        return needs <= room or (needs * HELD <= room and self._seats[-1].most > 0)
