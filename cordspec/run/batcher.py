"""Single requests to batches: what waits for a device when it becomes free goes to it together."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Request = TypeVar("Request")
Answer = TypeVar("Answer")

LARGEST = 512


class Batcher(Generic[Request, Answer]):
    """Collects requests while the device is busy.

    Args:
        work: answers a batch, in order.
        device: a lock shared by all batchers of one device.
    """

    def __init__(self, work: Callable[[Sequence[Request]], Awaitable[Sequence[Answer]]], device: asyncio.Lock) -> None:
        self._work = work
        self._device = device
        self._waiting: list[tuple[Request, asyncio.Future[Answer]]] = []
        self._worker: asyncio.Task[None] | None = None

    async def submit(self, request: Request) -> Answer:
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((request, future))
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._drain())
        return await future

    async def _drain(self) -> None:
        while self._waiting:
            async with self._device:
                await asyncio.sleep(0)
                batch, self._waiting = self._waiting[:LARGEST], self._waiting[LARGEST:]
                await self._answer(batch)

    async def _answer(self, batch: list[tuple[Request, asyncio.Future[Answer]]]) -> None:
        try:
            answers = await self._work([request for request, _ in batch])
        except Exception as error:  # whatever went wrong belongs to those who wait for it
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
            return
        for (_, future), answer in zip(batch, answers, strict=True):
            if not future.done():
                future.set_result(answer)
