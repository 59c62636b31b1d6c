"""Who cannot be asked: it is waited for, the run goes on without it, or it fails (the pool's `absence`)."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
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
    told: set[str] = field(default_factory=set)
    """What has been said of those who are waited for."""

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
        try:
            return await self._patiently(work, lambda _: self.policy == "wait")
        except Unavailable as error:
            if self.policy == "degrade":
                raise Absence(str(error), (key, "absent", {"reason": str(error)}, 0.0)) from error
            raise

    async def ask_scorer(self, work: Callable[[], Awaitable[Result]]) -> Result:
        """The result of what no wave goes on without: it is waited for, unless the policy is to fail. Numbers that are
        wrong, and another model than before, are no absence.

        Raises:
            Unavailable: it cannot be asked.
        """
        return await self._patiently(work, lambda error: self.policy != "fail" and error.code == "E601")

    async def _patiently(self, work: Callable[[], Awaitable[Result]], waits: Callable[[Unavailable], bool]) -> Result:
        waited, pause = 0.0, FIRST_PAUSE
        while True:
            try:
                return await work()
            except Unavailable as error:
                if waited >= self.patience or not waits(error):
                    raise
                self._tell(error)
            await asyncio.sleep(pause)
            waited, pause = waited + pause, min(2 * pause, LONGEST_PAUSE)

    def _tell(self, error: Unavailable) -> None:
        """Once for all who wait for the same."""
        if str(error) not in self.told:
            self.told.add(str(error))
            logging.getLogger(__name__).warning("%s; it is waited for, %g s at most", error, self.patience)

    def keep(self, absences: Iterable[Absence]) -> None:
        """The run goes on without these."""
        rows = [absence.row for absence in absences if absence.row is not None]
        if rows:
            self.journal.put(rows)
