"""Expansions that are begun before a search asks for them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace

from cordspec.domain.search import Expansion
from cordspec.run.merging import Answered

Turn = tuple[str, int, int, str, tuple[str, ...]]
"""What an expansion asks: the key of its prefix, the teacher, the index, the extent and the keys of the sources. Its number
asks nothing."""


class Ahead:
    """What was begun early in the search of one problem.

    An expansion that is begun early is the same request as later on, so it has the same answer: only time is won. One case
    is not the same: when the prefix turned out to have been proposed by an earlier teacher too, whose tokens count, and the
    budget is nearly spent. Then it is asked anew; where the request is equal all the same, the gateway asks it only once.
    """

    def __init__(self, ask: Callable[[Expansion], Awaitable[Answered]]) -> None:
        self._ask = ask
        self._begun: dict[Turn, tuple[int, asyncio.Task[Answered]]] = {}

    def begin(self, expansions: Iterable[Expansion]) -> None:
        """Begin those that are not under way yet."""
        for expansion in expansions:
            if _turn(expansion) not in self._begun:
                task = asyncio.ensure_future(self._ask(expansion))
                self._begun[_turn(expansion)] = (expansion.prefix.tokens, task)

    async def take(self, expansion: Expansion) -> Answered:
        """What comes of an expansion, begun early or only now. What failed before it was wanted is asked anew: whoever could
        not be asked then may be back.
        """
        tokens, task = self._begun.pop(_turn(expansion), (0, None))
        try:
            if task is None or tokens != expansion.prefix.tokens or _in_vain(task):
                return await self._ask(expansion)
            return replace(await task, expansion=expansion)
        finally:
            if task is not None:
                task.cancel()

    async def drop(self, but: Iterable[Expansion] = ()) -> None:
        """Give up all that was begun but these; what it had cost is counted as wasted."""
        wanted = {_turn(expansion) for expansion in but}
        given_up = [self._begun.pop(turn)[1] for turn in list(self._begun) if turn not in wanted]
        for task in given_up:
            task.cancel()
        for answered in await asyncio.gather(*given_up, return_exceptions=True):
            if isinstance(answered, Answered):
                answered.calls.count_as_wasted()


def _in_vain(task: asyncio.Task[Answered]) -> bool:
    """Whether it is over and gave nothing: it failed, or the teacher was absent."""
    if not task.done() or task.cancelled():
        return False
    return task.exception() is not None or task.result().absence is not None


def _turn(expansion: Expansion) -> Turn:
    sources = tuple(source.key for source in expansion.sources)
    return expansion.prefix.key, expansion.teacher, expansion.index, expansion.extent, sources
