"""Answers that come at the same time are written in one transaction: a write to disk costs the same for one and for many."""

from __future__ import annotations

import asyncio

from cordspec.journal.journal import Journal, Row


class Committer:
    """The way of single answers into a journal."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self._rows: list[Row] = []
        self._written: asyncio.Future[None] | None = None

    async def put(self, row: Row) -> None:
        """Store an answer; it is on disk when this returns.

        Raises:
            IncompleteError: the disk is full or unwritable.
            IntegrityError: the journal is damaged.
        """
        self._rows.append(row)
        if self._written is None:
            loop = asyncio.get_running_loop()
            self._written = loop.create_future()
            loop.call_soon(self._commit)
        await asyncio.shield(self._written)

    def _commit(self) -> None:
        rows, written = self._rows, self._written
        assert written is not None
        self._rows, self._written = [], None
        try:
            self.journal.put(rows)
        except Exception as error:
            written.set_exception(error)
            written.exception()  # whoever waited may have been cancelled: then nobody asks for it
        else:
            written.set_result(None)
