"""`run.db`: one SQLite file, one process, one connection; an answer is used only after it is on disk."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from cordspec.diagnostics import Diagnostic
from cordspec.errors import IncompleteError, IntegrityError

SCHEMA_VERSION = 1
_TABLES = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS answer (
    key BLOB PRIMARY KEY,
    model TEXT NOT NULL,
    answer TEXT NOT NULL,
    seconds REAL NOT NULL
) STRICT, WITHOUT ROWID;
"""
_KEYS_A_QUERY = 500

Answer = dict[str, object]
Row = tuple[bytes, str, Answer, float]
"""A key, the fingerprint of the model that answered, the answer, and the seconds that it took."""


class Journal:
    """The answers of a run directory.

    Raises:
        IncompleteError: another process has the run open, or the disk is full or unwritable.
        IntegrityError: the file is no journal of this version.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._connection = sqlite3.connect(path, isolation_level=None, timeout=0.5, check_same_thread=False)
            self._connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
            self._connection.execute("PRAGMA trusted_schema = OFF")
            self._connection.executescript(_TABLES)
            self._connection.execute("INSERT OR IGNORE INTO meta VALUES ('schema', ?)", (str(SCHEMA_VERSION),))
            found = self._connection.execute("SELECT value FROM meta WHERE name = 'schema'").fetchone()[0]
        except sqlite3.DatabaseError as error:
            raise self._failure(error) from error
        if found != str(SCHEMA_VERSION):
            message = f"{path} is a journal of version {found}, this cordspec reads version {SCHEMA_VERSION}"
            raise IntegrityError(Diagnostic("E704", message, help="use the cordspec that wrote it, or another --out"))

    def get(self, keys: Sequence[bytes]) -> dict[bytes, tuple[Answer, float]]:
        """The remembered answers with the seconds that each of them took."""
        found: dict[bytes, tuple[Answer, float]] = {}
        try:
            for first in range(0, len(keys), _KEYS_A_QUERY):
                some = keys[first : first + _KEYS_A_QUERY]
                marks = ",".join("?" * len(some))
                rows = self._connection.execute(f"SELECT key, answer, seconds FROM answer WHERE key IN ({marks})", some)
                found.update({key: (json.loads(answer), seconds) for key, answer, seconds in rows})
        except sqlite3.DatabaseError as error:
            raise self._failure(error) from error
        return found

    def put(self, answers: Iterable[Row]) -> None:
        """Store answers in one transaction. They are on disk when this returns; a known key keeps its first answer."""
        rows = [(key, model, json.dumps(answer, ensure_ascii=True), seconds) for key, model, answer, seconds in answers]
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany("INSERT OR IGNORE INTO answer VALUES (?, ?, ?, ?)", rows)
            self._connection.execute("COMMIT")
        except sqlite3.DatabaseError as error:
            raise self._failure(error) from error

    def __len__(self) -> int:
        return int(self._connection.execute("SELECT count(*) FROM answer").fetchone()[0])

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _failure(self, error: sqlite3.DatabaseError) -> IncompleteError | IntegrityError:
        said = str(error)
        if "locked" in said:
            message = f"another process is working in {self._path.parent}"
            return IncompleteError(Diagnostic("E703", message, help="wait for it, or choose another --out"))
        if isinstance(error, sqlite3.OperationalError):
            message = f"cannot write {self._path}: {said}"
            return IncompleteError(
                Diagnostic("E702", message, help="free some space, then give the same command again: nothing is lost")
            )
        return IntegrityError(Diagnostic("E701", f"{self._path} is damaged: {said}", help="restore it, or remove it"))
