"""Bugs that are planted into a process of a run, each of which the oracle that is named must find.

A deterministic server hides what is lost, for it answers the same again; a directory that is written in place is whole when the
run is finished. So the obvious oracle, equal artifacts, is blind to some of them.
"""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from cordspec.artifacts import store
from cordspec.artifacts.store import RunDirectory
from cordspec.journal import Committer, Journal
from cordspec.run import teachers
from cordspec.run.waves import WaveWork


def arrival_order() -> None:
    """Candidates are taken in the order in which they arrive (O1)."""
    one = WaveWork._one

    async def arrived(self: Any, expansion: Any) -> None:
        await one(self, expansion)
        self.done = getattr(self, "done", 0) + 1
        if self.done == len(self._expansions):
            arrived = list(self._answered)
            self._expansions = sorted(self._expansions, key=lambda one: arrived.index(one.number))

    WaveWork._one = arrived  # type: ignore[method-assign]


def global_seed() -> None:
    """Seeds of requests come from a generator that the whole process shares (O1, and the run itself: E714)."""
    shared = random.Random()
    shared.seed()
    teachers.derive = lambda *purpose: shared.getrandbits(63)  # type: ignore[assignment]


def in_place() -> None:
    """A stage is written where it will be seen (O3)."""

    @contextmanager
    def writing(self: RunDirectory, stage_id: str) -> Iterator[Path]:
        final = self.stage(stage_id)
        shutil.rmtree(final, ignore_errors=True)
        final.mkdir(parents=True)
        yield final
        store._sign(final)

    RunDirectory.writing = writing  # type: ignore[method-assign]


def rows_dropped() -> None:
    """The last acknowledged answers are dropped when the journal is opened (O2)."""
    begin = Journal.__init__

    def opened(self: Journal, path: Path, **more: Any) -> None:
        if path.exists():
            with closing(sqlite3.connect(path)) as connection, suppress(sqlite3.OperationalError):
                connection.execute("DELETE FROM entry WHERE seq > (SELECT max(seq) FROM entry) - 20")
                connection.commit()
        begin(self, path, **more)

    Journal.__init__ = opened  # type: ignore[method-assign]


def told_too_early() -> None:
    """The driver is told that an answer is kept before it is (O2)."""

    async def put(self: Any, row: Any) -> None:
        self._rows.append(row)
        if len(self._rows) > 3:
            self.journal.put(self._rows)
            self._rows = []

    Committer.put = put  # type: ignore[method-assign]
