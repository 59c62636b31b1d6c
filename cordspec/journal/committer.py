"""Answers that come while others are being written go together into the next transaction, which costs the same for many.

A thread of its own writes: what waits for the disk is the answers, not the event loop with all that goes on in it.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from cordspec.faultpoints import faultpoint
from cordspec.journal.journal import Journal
from cordspec.journal.rows import Row


class Committer:
    """The way of single answers into a journal, for one event loop."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self._rows: list[Row] = []
        self._next: asyncio.Future[None] | None = None
        """Done when the rows that wait now are on disk."""
        self._writing = False
        self._writer = ThreadPoolExecutor(1, "journal")

    async def put(self, row: Row) -> None:
        """Store an answer; it is on disk when this returns.

        Raises:
            IncompleteError: the disk is full or unwritable.
            IntegrityError: the journal is damaged.
        """
        self._rows.append(row)
        if self._next is None:
            loop = asyncio.get_running_loop()
            self._next = loop.create_future()
            if not self._writing:
                self._writing = True
                loop.call_soon(self._write)
        await asyncio.shield(self._next)
        faultpoint("committer.told")

    def note(self, row: Row) -> None:
        """Store something with the next answer, or when the journal's work is over: nobody has to wait for it."""
        self._rows.append(row)

    def flush(self) -> None:
        """Store what was noted and not yet written.

        Raises:
            IncompleteError, IntegrityError: as `put`.
        """
        if self._writing:
            self._writer.submit(int).result()  # what it writes comes first
        rows, self._rows = self._rows, []
        if rows:
            self.journal.put(rows)

    def close(self) -> None:
        """As `flush`; nothing is stored after it."""
        try:
            self.flush()
        finally:
            self._writer.shutdown()

    def _write(self) -> None:
        told, self._next = self._next, None
        assert told is not None
        rows, self._rows = self._rows, []
        writing = told.get_loop().run_in_executor(self._writer, self.journal.put, rows)
        writing.add_done_callback(partial(self._written, told))

    def _written(self, told: asyncio.Future[None], writing: asyncio.Future[None]) -> None:
        error = writing.exception()
        if error is None:
            told.set_result(None)
        else:
            told.set_exception(error)
            told.exception()  # whoever waited may have been cancelled: then nobody asks for it
        if self._next is None:
            self._writing = False
        else:
            self._write()
