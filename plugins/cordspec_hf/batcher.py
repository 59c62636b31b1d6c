"""How single requests that are answered in one go become batches on the device: scores and rewards."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from cordspec.plugin import Unavailable
from cordspec_hf.turns import TURNS, settle

Request = TypeVar("Request")
Answer = TypeVar("Answer")


class Batcher(Generic[Request, Answer]):
    """What waits for the device when its turn comes goes to it together.

    Such batches are urgent: decisions wait for them, and generations that they hold up go on with more rows afterwards.

    Args:
        work: answers a batch, in order; it is called in the device's thread.
        most: requests that a batch may have; what is over waits for the next turn.
    """

    def __init__(self, work: Callable[[Sequence[Request]], Sequence[Answer]], most: int = 128) -> None:
        self._work = work
        self._most = most
        self._waiting: deque[tuple[Request, asyncio.Future[Answer], float]] = deque()
        self.requests = 0
        self.busy = self.queued = 0.0
        """Seconds as in `EngineCounters`."""

    async def submit(self, requests: Sequence[Request]) -> list[Answer]:
        """The answers, in order.

        Raises:
            Exception: what the work raised.
        """
        if not requests:
            return []
        loop, now = asyncio.get_running_loop(), time.perf_counter()
        mine: list[asyncio.Future[Answer]] = [loop.create_future() for _ in requests]
        self._waiting.extend((request, future, now) for request, future in zip(requests, mine, strict=True))
        TURNS.ask_soon(self._turn, urgent=True)
        return list(await asyncio.gather(*mine))

    def _turn(self) -> None:
        """Answer what waits now; requests that an earlier turn has taken along leave nothing to do."""
        begin = time.perf_counter()
        batch: list[tuple[Request, asyncio.Future[Answer]]] = []
        while self._waiting and len(batch) < self._most:
            request, future, since = self._waiting.popleft()
            if not future.cancelled():
                batch.append((request, future))
                self.queued += begin - since
        if self._waiting:
            TURNS.ask(self._turn, urgent=True)
        if not batch:
            return
        answers: Sequence[Answer | Exception]
        try:
            answers = self._work([request for request, _ in batch])
        except Exception as error:  # whatever went wrong belongs to those who wait for it
            answers = [error] * len(batch)
        self.requests += len(batch)
        self.busy += time.perf_counter() - begin
        for (_, future), answer in zip(batch, answers, strict=True):
            settle(future, answer)

    def close(self) -> None:
        """Give up all that waits; called in the device's thread."""
        while self._waiting:
            settle(self._waiting.popleft()[1], Unavailable("the engine was closed while it was asked something"))
