"""Several replicas of one model: a problem stays where its prefix is, and a replica that stands still is found out."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from typing import Any, Final, TypeVar

from cordspec.plugin import Unavailable
from cordspec_serving.backend import Backend, NotOffered

Result = TypeVar("Result")

REMEMBERED: Final = 10_000
"""Problems whose replica is remembered: many more than are under way at a time."""
LOOK: Final = 5.0
"""Seconds between two looks at a replica that is asked something."""
HELP: Final = "look at the server and its log, and whether it needs more `patience`; the run goes on from here"


class Replica:
    """One server with what is under way on it.

    Args:
        patience: seconds without any token after which it is taken to stand still.
    """

    def __init__(self, backend: Backend, patience: float) -> None:
        self.backend = backend
        self._patience = patience
        self._tasks: set[asyncio.Task[Any]] = set()
        self._watch: asyncio.Task[None] | None = None
        self._given_up: dict[asyncio.Task[Any], str] = {}
        """Requests that were ended because nothing moved any more, and what is said of it."""
        self.busy = 0.0
        """Seconds with anything under way."""
        self._since = 0.0

    @property
    def load(self) -> int:
        """Requests under way."""
        return len(self._tasks)

    async def do(self, work: Coroutine[Any, Any, Result]) -> Result:
        """What comes of a request.

        Raises:
            Unavailable: the replica stands still or is gone.
        """
        task = asyncio.ensure_future(work)
        if not self._tasks:
            self._since = time.monotonic()
        if not self._tasks or self._watch is None or self._watch.done():
            self._watch = asyncio.ensure_future(self._look())
        self._tasks.add(task)
        try:
            return await task
        except asyncio.CancelledError:
            if task in self._given_up and not _cancelled_itself():
                raise Unavailable(self._given_up[task], HELP) from None
            raise
        finally:
            self._tasks.discard(task)
            self._given_up.pop(task, None)
            task.cancel()
            if not self._tasks:
                self.busy += time.monotonic() - self._since
                assert self._watch is not None
                self._watch.cancel()

    async def close(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
            with suppress(asyncio.CancelledError):
                await self._watch
        await self.backend.close()

    async def _look(self) -> None:
        """Give up what is under way when nothing has moved for too long."""
        last, moved = None, time.monotonic()
        while True:
            await asyncio.sleep(min(LOOK, self._patience / 2))
            try:
                async with asyncio.timeout(self._patience):
                    seen = await self.backend.progress()
            except (Unavailable, NotOffered) as error:
                self._give_up(f"a server cannot be reached any more: {error}")
                return
            except TimeoutError:
                self._give_up(f"a server has not said for {self._patience:g} s whether it works")
                return
            if seen is None:
                return
            if seen != last:
                last, moved = seen, time.monotonic()
            elif time.monotonic() - moved > self._patience:
                self._give_up(f"a server has not moved for {self._patience:g} s with {self.load} requests")
                return

    def _give_up(self, reason: str) -> None:
        for task in self._tasks:
            self._given_up[task] = reason
            task.cancel()


class Replicas:
    """All replicas of a model."""

    def __init__(self, replicas: Sequence[Replica]) -> None:
        self.all = tuple(replicas)
        self._homes: OrderedDict[str, Replica] = OrderedDict()

    def home(self, problem: str) -> Replica:
        """Where the requests of a problem go: at first to the replica with the least to do, then always there."""
        home = self._homes.get(problem)
        if home is None:
            home = self._homes[problem] = min(self.all, key=lambda one: one.load)
            if len(self._homes) > REMEMBERED:
                self._homes.popitem(last=False)
        self._homes.move_to_end(problem)
        return home

    async def close(self) -> None:
        for replica in self.all:
            await replica.close()


def _cancelled_itself() -> bool:
    """Whether the task that runs now has been cancelled from outside."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
