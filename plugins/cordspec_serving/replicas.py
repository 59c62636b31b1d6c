"""Several replicas of one model: a problem stays where its prefix is, and a replica that stands still is found out."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Collection, Coroutine, Sequence
from contextlib import suppress
from typing import Any, Final, TypeVar

from cordspec.plugin import Unavailable
from cordspec_api.adaptive_limit import AdaptiveLimit
from cordspec_serving.backend import Backend, NotOffered
from cordspec_serving.breaker import Breaker
from cordspec_serving.failures import Failed, OtherModel
from cordspec_serving.identity import Identity

Result = TypeVar("Result")

REMEMBERED: Final = 10_000
"""Problems whose replica is remembered: many more than are under way at a time."""
LOOK: Final = 5.0
"""Seconds between two looks at a replica that is asked something."""
AWAY: Final = 2.0
"""Seconds without any request in which a server may have been ended and another started."""
HELP: Final = "look at the server and its log, and whether it needs more `patience`; the run goes on from here"


class Replica:
    """One server with what is under way on it.

    Args:
        patience: seconds without any token after which it is taken to stand still.
    """

    def __init__(self, backend: Backend, patience: float) -> None:
        self.backend = backend
        self.breaker = Breaker()
        self.room = AdaptiveLimit()
        self._patience = patience
        self._identity: Identity | None = None
        self._name = "a server"
        self._doubted = False
        """The connection was lost: what answers the next time may be another."""
        self._other: OtherModel | None = None
        self.trouble = ""
        """What was said of its last failure."""
        self._trial = asyncio.Lock()
        self._waiting = 0
        self._tasks: set[asyncio.Task[Any]] = set()
        self._watch: asyncio.Task[None] | None = None
        self._given_up: dict[asyncio.Task[Any], str] = {}
        """Requests that were ended because nothing moved any more, and what is said of it."""
        self.busy = 0.0
        """Seconds with anything under way."""
        self._since = 0.0
        self._asked = time.monotonic()
        """When the last request was over."""

    @property
    def load(self) -> int:
        """Requests under way, or about to be."""
        return len(self._tasks) + self._waiting + self.room.waiting

    def knows(self, identity: Identity, name: str) -> None:
        """What it was found to be."""
        self._identity, self._name = identity, name

    @property
    def other(self) -> OtherModel | None:
        """Why it is not asked any more: it is another model now. None as long as nothing says so."""
        return self._other

    async def ready(self) -> None:
        """Before it is asked: one that was lost or left alone is tried by one call, while the others wait for how it goes.

        Raises:
            OtherModel: it is another model than it was; nothing is asked of it.
            Failed: it does not answer.
        """
        if not (self._trial.locked() or self._uncertain or self._left_alone):
            return
        self._waiting += 1
        try:
            await self._try()
        finally:
            self._waiting -= 1

    async def _try(self) -> None:
        async with self._trial:
            if self.breaker.state == "open":
                raise self._other or Failed(f"{self._name} was just tried: {self.trouble}")
            try:
                if self._left_alone:
                    await self._look_who_is_there()
                if not self._uncertain:
                    return
                if self._identity is not None:
                    await self.do(self._identity.hold(self.backend, self._name))
            except OtherModel as error:
                if self._other is None:
                    logging.getLogger(__name__).warning("%s: %s; nothing more is asked of it", error.code, error)
                self._other = error
                self.breaker.open()
                raise
            except Failed as error:
                self.failed(error)
                self.breaker.open()
                raise
            self._doubted, self._other = False, None
            self.breaker.succeeded()

    @property
    def _uncertain(self) -> bool:
        return self._doubted or self.breaker.state != "closed"

    @property
    def _left_alone(self) -> bool:
        """Whether so much time has passed without a request that no connection may be left to tell of a server that ended."""
        return not self._tasks and time.monotonic() - self._asked > AWAY

    async def _look_who_is_there(self) -> None:
        try:
            self._doubted |= await self.do(self.backend.renewed())
        except NotOffered:
            self._doubted = True

    def failed(self, error: Failed) -> None:
        """A call came to nothing."""
        self.trouble = str(error)
        self._doubted |= error.lost
        full = error.busy and self.room.refused()
        if error.busy and error.after is not None:
            self.breaker.wait(error.after)
        elif not full:
            self.breaker.failed()

    async def do(self, work: Coroutine[Any, Any, Result]) -> Result:
        """What comes of a request.

        Raises:
            Failed: the replica stands still or is gone.
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
                raise Failed(self._given_up[task], HELP, lost=True) from None
            raise
        finally:
            self._tasks.discard(task)
            self._asked = time.monotonic()
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
        """Give up what is under way when nothing has moved for too long, or when it has not said for as long whether it does:
        a server that is busy may leave a question or two unanswered.
        """
        last, moved, heard, said = None, time.monotonic(), time.monotonic(), ""
        while True:
            await asyncio.sleep(min(LOOK, self._patience / 2))
            try:
                async with asyncio.timeout(self._patience):
                    seen = await self.backend.progress()
                heard = time.monotonic()
            except (Unavailable, NotOffered) as error:
                if time.monotonic() - heard <= self._patience:
                    continue
                said = f"a server cannot be reached any more: {error}"
            except TimeoutError:
                said = f"a server has not said for {self._patience:g} s whether it works"
            else:
                if seen is None:
                    return
                if seen != last:
                    last, moved = seen, time.monotonic()
                elif time.monotonic() - moved > self._patience:
                    said = f"a server has not moved for {self._patience:g} s with {self.load} requests"
            if said:
                self._give_up(said)
                self.breaker.open()
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

    def home(self, problem: str, but: Collection[Replica] = ()) -> Replica:
        """Where the requests of a problem go: at first to the replica with the least to do, then always there, unless that
        one is left alone or is among those that are not wanted. One that may be asked is preferred to all others.
        """
        home = self._homes.get(problem)
        if home is None or home in but or home.breaker.rest > 0:
            home = min(self.all, key=lambda one: (one.breaker.rest, one in but, one.load))
            self._homes[problem] = home
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
