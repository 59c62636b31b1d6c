"""Teachers that cannot be asked: wait for them, go on without them, or fail (the pool's `absence`)."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Literal, TypeVar

from cordspec.extension.component import Unavailable
from cordspec.journal import Journal, Row

Result = TypeVar("Result")

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0


class Absence(Exception):
    """A teacher is left out; the message says why. ``row`` is what has to be kept if the run goes on without it; None where
    that has been kept already.
    """

    def __init__(self, reason: str, row: Row | None = None) -> None:
        super().__init__(reason)
        self.row = row


@dataclass(frozen=True, slots=True)
class Attendance:
    """The absence policy of one pool. ``patience`` is in seconds.

    That a run goes on without a teacher is journaled before it counts (`keep`), so that a resumed run decides as before,
    even when the teacher has come back. A run that ends because nobody can be asked keeps nothing: it may try again.
    """

    policy: Literal["wait", "degrade", "fail"]
    patience: float
    journal: Journal

    async def ask(self, purpose: list[str | int], work: Callable[[], Awaitable[Result]]) -> Result:
        """The result of ``work``, which raises `Unavailable` while the teacher cannot be asked.

        Args:
            purpose: what identifies the request in its run.

        Raises:
            Absence: the teacher is left out, now or in an earlier process of this run.
            Unavailable: it cannot be asked, and the policy does not go on without it.
        """
        key = hashlib.sha256(json.dumps(["absent", *purpose]).encode()).digest()
        if self.policy == "degrade":
            known = self.journal.get([key]).get(key)
            if known is not None:
                raise Absence(str(known[0]["reason"]))
        waited, pause = 0.0, FIRST_PAUSE
        while True:
            try:
                return await work()
            except Unavailable as error:
                if self.policy == "degrade":
                    raise Absence(str(error), (key, "absent", {"reason": str(error)}, 0.0)) from error
                if self.policy == "fail" or waited >= self.patience:
                    raise
            await asyncio.sleep(pause)
            waited, pause = waited + pause, min(2 * pause, LONGEST_PAUSE)

    def keep(self, absences: Iterable[Absence]) -> None:
        """The run goes on without these."""
        rows = [absence.row for absence in absences if absence.row is not None]
        if rows:
            self.journal.put(rows)
