"""The device of this process, and how single requests become batches on it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

Request = TypeVar("Request")
Answer = TypeVar("Answer")

COMPUTE = ThreadPoolExecutor(max_workers=1, thread_name_prefix="cordspec-hf")
"""All embedded models of a process take turns: torch spreads one forward pass over all cores by itself."""


class Batcher(Generic[Request, Answer]):
    """What waits for the device when it becomes free goes to it together.

    Args:
        work: answers a batch, in order; it is called in the device's thread.
    """

    def __init__(self, work: Callable[[Sequence[Request]], Sequence[Answer]]) -> None:
        self._work = work
        self._waiting: deque[tuple[Request, asyncio.Future[Answer]]] = deque()

    async def submit(self, requests: Sequence[Request]) -> list[Answer]:
        """The answers, in order.

        Raises:
            Exception: what the work raised.
        """
        loop = asyncio.get_running_loop()
        mine: list[asyncio.Future[Answer]] = [loop.create_future() for _ in requests]
        self._waiting.extend(zip(requests, mine, strict=True))
        loop.run_in_executor(COMPUTE, self._turn, loop)
        return list(await asyncio.gather(*mine))

    def _turn(self, loop: asyncio.AbstractEventLoop) -> None:
        """Answer all that waits now; requests that somebody else's turn has taken along leave nothing to do."""
        batch = []
        while self._waiting:
            request, future = self._waiting.popleft()
            if not future.cancelled():
                batch.append((request, future))
        if not batch:
            return
        try:
            answers = self._work([request for request, _ in batch])
        except Exception as error:  # whatever went wrong belongs to those who wait for it
            _tell(loop, [(future, error) for _, future in batch])
        else:
            _tell(loop, [(future, answer) for (_, future), answer in zip(batch, answers, strict=True)])


def _tell(loop: asyncio.AbstractEventLoop, told: Sequence[tuple[asyncio.Future[Answer], Answer | Exception]]) -> None:
    def settle() -> None:
        for future, answer in told:
            if future.done():
                continue
            if isinstance(answer, Exception):
                future.set_exception(answer)
            else:
                future.set_result(answer)

    loop.call_soon_threadsafe(settle)
