"""Virtual time: an event loop that never sleeps. Where nothing is left to do now, its clock jumps to the next timer."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from typing import Any, TypeVar, TypeVarTuple, Unpack

Result = TypeVar("Result")
Arguments = TypeVarTuple("Arguments")


class Deadlock(RuntimeError):
    """Everything waits for something and no timer is set: nothing will ever happen any more."""


class _Jumping(selectors.SelectSelector):
    """Answers at once; the seconds that it should have waited are added to its clock."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise Deadlock("all tasks wait and no timer is set")
        self.now += timeout
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop for timers alone: it begins at 0 seconds, reads no socket and has no other threads."""

    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[Unpack[Arguments]], Result], *args: *Arguments
    ) -> asyncio.Future[Result]:
        """What a thread would do takes no time, and is done at once."""
        done: asyncio.Future[Result] = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:
            done.set_exception(error)
        return done


def run_virtually(work: Coroutine[Any, Any, Result]) -> Result:
    """Run asyncio code as it is, in virtual time.

    Raises:
        Deadlock: it would wait for ever.
    """
    results: list[Result] = []

    async def keep() -> None:  # Python 3.11 writes out what the main task returned when it puts its signal handler back
        results.append(await work)

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(keep())
    return results[0]
