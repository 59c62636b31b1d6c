"""Work that several tasks wait for is done once, and given up when nobody waits for it any more."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Generic, TypeVar

Result = TypeVar("Result")


class Shared(Generic[Result]):
    """One piece of work, begun at once in a task of its own."""

    def __init__(self, work: Coroutine[Any, Any, Result]) -> None:
        self._task = asyncio.ensure_future(work)
        self._waiting = 0
        self.over = False
        """Whether it is done or given up."""
        self.told = False
        """Whether somebody has got its result already."""

    async def wait(self) -> Result:
        """What comes of the work.

        Raises:
            Exception: what the work raised, in everyone who waits.
        """
        self._waiting += 1
        try:
            return await asyncio.shield(self._task)
        finally:
            self._waiting -= 1
            self.over = self._task.done() or not self._waiting
            if self.over:
                self._task.cancel()
