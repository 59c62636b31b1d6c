"""The device of this process: one thread in which all embedded models compute, and the order in which they take turns.

Torch spreads one forward pass over all cores by itself, so two passes beside each other would only be in each other's way.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from heapq import heappop, heappush
from itertools import count
from typing import TypeVar

Answer = TypeVar("Answer")
Work = Callable[[], None]


class Turns:
    """Gives the device to whoever waits: what is urgent first, and otherwise in the order in which they asked.

    A turn is short. Who has more to do asks again at the end of it, behind the others: so models share the device fairly.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="cordspec-hf")
        self._lock = threading.Lock()
        self._waiting: list[tuple[bool, int, Work]] = []
        self._numbers = count()

    def ask(self, work: Work, *, urgent: bool = False) -> None:
        """Have ``work`` called in the device's thread. It must not raise."""
        with self._lock:
            heappush(self._waiting, (not urgent, next(self._numbers), work))
        self._thread.submit(self._next)

    def ask_soon(self, work: Work, *, urgent: bool = False) -> None:
        """As `ask`, when the event loop has gone round: what is asked in the same round comes together."""
        asyncio.get_running_loop().call_soon(lambda: self.ask(work, urgent=urgent))

    @property
    def urgent(self) -> bool:
        """Whether something urgent waits: a sign for the one whose turn it is to end it."""
        with self._lock:
            return bool(self._waiting) and not self._waiting[0][0]

    def _next(self) -> None:
        with self._lock:
            _, _, work = heappop(self._waiting)
        work()


TURNS = Turns()
"""All embedded models of a process take turns."""


def settle(future: asyncio.Future[Answer], answer: Answer | Exception) -> None:
    """Tell an answer, or what went wrong, from the device's thread to who waits for it."""

    def tell() -> None:
        if future.done():
            return
        if isinstance(answer, Exception):
            future.set_exception(answer)
        else:
            future.set_result(answer)

    try:
        future.get_loop().call_soon_threadsafe(tell)
    except RuntimeError:  # its loop has ended: nobody waits any more
        return
