"""SIGINT and SIGTERM: no new calls, those under way are waited for and kept, then the run ends. A second signal ends it at
once.

Both are safe: an answer is used only after it is on disk, so a run may be ended anywhere.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, Final, Self

from cordspec.errors import Interrupted
from cordspec.run.events import Observer, StopAsked
from cordspec.run.gate import Gate

DRAIN_SECONDS: Final = 20.0
"""How long calls under way are waited for. Slurm gives 30 s between SIGTERM and SIGKILL if nobody says otherwise."""
LOOK_SECONDS: Final = 0.05
SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


class Stopping:
    """While a task runs, signals to the process end it; used in the main thread, elsewhere it does nothing.

    Args:
        gate: what new calls pass.
        under_way: how many calls are under way.
        resume: the command that goes on.

    Raises:
        Interrupted: at the end of the block, when a signal ended it.
    """

    def __init__(self, gate: Gate, under_way: Callable[[], int], resume: str, observer: Observer) -> None:
        self._gate = gate
        self._under_way = under_way
        self._resume = resume
        self._observer = observer
        self._before: dict[int, Any] = {}
        self._task: asyncio.Task[Any] | None = None
        self._draining: asyncio.Task[None] | None = None
        self.signal = 0
        """The signal that came; 0 for none."""

    def __enter__(self) -> Self:
        self._task = asyncio.current_task()
        self._loop = asyncio.get_running_loop()
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._arrived) for number in SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if self._draining is not None:
            self._draining.cancel()
        if self.signal and isinstance(error, asyncio.CancelledError):
            assert self._task is not None
            self._task.uncancel()
            raise Interrupted(self.signal, self._resume) from None

    def _arrived(self, number: int, frame: FrameType | None) -> None:
        """Called between any two instructions of the main thread."""
        if self.signal:
            os._exit(128 + number)
        self.signal = number
        self._loop.call_soon_threadsafe(self._begin)

    def _begin(self) -> None:
        self._gate.close()
        self._observer.on_event(StopAsked(self.signal, self._under_way()))
        self._draining = self._loop.create_task(self._drain())

    async def _drain(self) -> None:
        end = self._loop.time() + DRAIN_SECONDS
        while self._under_way() and self._loop.time() < end:
            await asyncio.sleep(LOOK_SECONDS)
        assert self._task is not None
        self._task.cancel()
