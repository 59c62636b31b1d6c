"""What every new call of an engine passes. Closed, it lets none through any more: a run that is ending asks nothing new."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, ParamSpec

Arguments = ParamSpec("Arguments")
Work = Callable[Arguments, Coroutine[Any, Any, None]]


class NotStored(Exception):
    """Raised where only stored answers are to be used and the journal has none."""


class Gate:
    """Open until it is closed, once and for all."""

    def __init__(self) -> None:
        self.closed = False

    def close(self) -> None:
        self.closed = True

    async def enter(self) -> None:
        """Go on; behind a closed gate, wait for the end of the run, which cancels whoever waits."""
        if self.closed:
            await asyncio.Event().wait()

    def closed_by_failure(self, work: Work[Arguments]) -> Work[Arguments]:
        """The same work; when one of its kind fails, and with it the run, the others ask nothing more."""

        @wraps(work)
        async def guarded(*arguments: Arguments.args, **named: Arguments.kwargs) -> None:
            try:
                await work(*arguments, **named)
            except Exception:
                self.close()
                raise

        return guarded


class Shut(Gate):
    """Lets nothing through from the start: only what the journal knows is there."""

    async def enter(self) -> None:
        raise NotStored
