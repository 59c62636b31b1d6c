"""`run.db`: one SQLite file, one process, one connection; an answer is used only after it is on disk.

All rows are numbered without gaps and carry a checksum. They are read once when a journal is opened: what was damaged is
found before anything is used, and what is missing at the end is found by the mark beside the file.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Self

from cordspec.diagnostics import Diagnostic
from cordspec.errors import IncompleteError, IntegrityError
from cordspec.faultpoints import faultpoint
from cordspec.journal import schema
from cordspec.journal.beside import Beside
from cordspec.journal.checking import ALL_ROWS, check
from cordspec.journal.lease import holder
from cordspec.journal.notes import ATTEMPT, ENDED, INTERRUPTED, NOTES, note
from cordspec.journal.rows import Answer, Row, Stored, stored
from cordspec.journal.wal import read_log
from cordspec.processes import this_process

IN_MEMORY = ":memory:"
FINISHED = "finished"
_KEYS_A_QUERY = 500
_PRIMARY = 0xFF
"""The part of SQLite's result codes that names the kind of failure."""
_HELD = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_UNWRITABLE = {
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PERM,
}


class Journal:
    """The answers of a run directory, and what else has to be known when the run is resumed (`cordspec.journal.notes`).

    ``attempt`` is the number of this process, from 1. ``missing`` is the number of rows that earlier processes were told were
    kept and that are not there any more; ``unmarked`` says that this could not be told.

    Args:
        looking: read only; no process is counted.
        on_failure: called when a write fails, after which nothing is written any more.

    Raises:
        IncompleteError: another process has the run open, or the disk is full or unwritable.
        IntegrityError: the file is no journal of this version, or a row is not what was written.
    """

    def __init__(self, path: Path, *, looking: bool = False, on_failure: Callable[[], None] = lambda: None) -> None:
        self._path = path
        self._looking = looking
        self._on_failure = on_failure
        self.attempt, self.missing, self.unmarked = 1, 0, False
        self._failed: IncompleteError | IntegrityError | None = None
        self._lock = Lock()
        """Held while a transaction is open: nobody is to read what is not committed."""
        self._closing = ExitStack()
        self._beside: Beside | None = None
        """None in memory, where nothing outlives the process."""
        try:
            if str(path) != IN_MEMORY:
                self._beside = Beside(path.parent)
                self._closing.callback(self._beside.close)
                os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
                self._look(path)
            self._connection = _connect(path)
            self._closing.callback(self._connection.close)
            faultpoint("journal.connected")
            self._rows = self._read()
            if self._beside is not None:
                self._compare(self._beside)
                self._begin(self._beside)
        except (sqlite3.DatabaseError, OSError, IncompleteError, IntegrityError) as error:
            self._closing.close()
            if isinstance(error, (sqlite3.DatabaseError, OSError)):
                raise self._failure(error) from error
            raise

    def _look(self, path: Path) -> None:
        """Look at the files before SQLite does: it would silently drop what it cannot read of the log."""
        log = read_log(log_of(path))
        if log.broken:
            raise self._damaged("its write-ahead log holds good pages after a bad one")
        with path.open("rb") as file:
            head = file.read(schema.HEADER_BYTES)
        if head and log.taken and not schema.names_log(head):
            raise self._damaged("its header does not name the write-ahead log beside it")

    def _read(self) -> int:
        """Check the whole file; the number of its rows."""
        if schema.is_empty(self._connection):
            schema.create(self._connection)
            faultpoint("journal.created")
        found = schema.version(self._connection)
        if found != str(schema.VERSION):
            known = f"is a journal of version {found}" if found else "is no journal"
            message = f"{self._path} {known}, this cordspec reads version {schema.VERSION}"
            raise IntegrityError(Diagnostic("E704", message, help="use the cordspec that wrote it, or another --out"))
        if not schema.is_ours(self._connection):
            raise self._damaged("its tables are not those of a journal")
        checked = check(self._connection)
        if checked.wrong:
            raise self._damaged(checked.wrong)
        return checked.rows

    def _compare(self, beside: Beside) -> None:
        """What the mark says about the end of the file."""
        marked = beside.mark.rows
        self.missing = max(0, (marked or 0) - self._rows)
        self.unmarked = marked is None and self._rows > 0
        self.attempt = int(self._connection.execute("SELECT coalesce(max(attempt), 0) FROM entry").fetchone()[0])

    def _begin(self, beside: Beside) -> None:
        """Begin a process: count it, and keep what the one before was asking when it ended."""
        if self._looking:
            return
        last = self.attempt
        self.attempt = last + 1
        known = self.get(sorted(beside.asked.found))
        lost = sorted(beside.asked.found - known.keys())
        noted = [note(INTERRUPTED, (key.hex(), last), {"key": key.hex(), "attempt": last}) for key in lost]
        who = {**asdict(this_process()), "missing": self.missing}
        self.put([note(ATTEMPT, (self.attempt,), who), *noted])
        faultpoint("journal.counted")
        beside.asked.clear()

    @property
    def rows(self) -> int:
        """The number of rows, notes included."""
        return self._rows

    def asked(self, key: bytes) -> None:
        """An engine is going to be asked what has this key."""
        if self._beside is not None:
            self._beside.asked.add(key)

    def noted(self, kind: str) -> list[Answer]:
        """All notes of a kind (`cordspec.journal.notes`), in the order in which they were made."""
        rows = self._connection.execute("SELECT answer FROM entry WHERE who = ? ORDER BY seq", (kind,))
        return [json.loads(text) for (text,) in rows]

    def stored(self) -> Iterator[Stored]:
        """All rows as they lie on disk, in order."""
        yield from self._connection.execute(ALL_ROWS)

    def who(self, key: bytes) -> str:
        """Who gave a known answer."""
        return str(self._connection.execute("SELECT who FROM entry WHERE key = ?", (key,)).fetchone()[0])

    def answers(self, after: int = 0, attempt: int | None = None) -> int:
        """How many answers of engines were kept: after a row, by one process."""
        marks = ",".join("?" * len(NOTES))
        query = f"SELECT count(*) FROM entry WHERE seq > ? AND attempt = ifnull(?, attempt) AND who NOT IN ({marks})"
        return int(self._connection.execute(query, (after, attempt, *NOTES)).fetchone()[0])

    def get(self, keys: Sequence[bytes]) -> dict[bytes, tuple[Answer, float]]:
        """The remembered answers with the seconds that each of them took.

        After a write that failed there are none: what is on the disk is for the next process to find out.
        """
        with self._lock:
            return self._get(keys)

    def _get(self, keys: Sequence[bytes]) -> dict[bytes, tuple[Answer, float]]:
        if self._failed is not None:
            raise self._failed
        found: dict[bytes, tuple[Answer, float]] = {}
        try:
            for first in range(0, len(keys), _KEYS_A_QUERY):
                some = keys[first : first + _KEYS_A_QUERY]
                marks = ",".join("?" * len(some))
                rows = self._connection.execute(f"SELECT key, answer, seconds FROM entry WHERE key IN ({marks})", some)
                found.update({key: (json.loads(answer), seconds) for key, answer, seconds in rows})
        except sqlite3.DatabaseError as error:
            raise self._failure(error) from error
        except (ValueError, RecursionError) as error:  # its checksum was right, so a stranger made it
            raise self._damaged("an answer in it is no JSON object") from error
        return found

    def put(self, answers: Iterable[Row]) -> None:
        """Store answers in one transaction. They are on disk when this returns; a known key keeps its first answer.

        A write that failed is not tried again: after a failed sync nobody knows what is on the disk.
        """
        with self._lock:
            self._put(answers)

    def _put(self, answers: Iterable[Row]) -> None:
        if self._failed is not None:
            raise self._failed
        rows: dict[bytes, Row] = {}
        for row in answers:
            rows.setdefault(row[0], row)
        try:
            faultpoint("journal.before_begin")
            self._connection.execute("BEGIN IMMEDIATE")
            known = self._get(list(rows))
            new = [row for key, row in rows.items() if key not in known]
            numbered = [stored(self._rows + at, self.attempt, row) for at, row in enumerate(new, 1)]
            self._connection.executemany("INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?, ?)", numbered)
            faultpoint("journal.before_commit")
            self._connection.execute("COMMIT")
            faultpoint("journal.after_commit")
            self._rows += len(new)
            if self._beside is not None:
                self._beside.mark.write(self._rows)
            faultpoint("journal.marked")
        except (sqlite3.DatabaseError, OSError) as error:
            self._failed = self._failure(error)
            self._on_failure()
            raise self._failed from error
        finally:
            if self._connection.in_transaction:  # what was not committed is not there for whoever reads
                with suppress(sqlite3.DatabaseError):
                    self._connection.execute("ROLLBACK")

    def __len__(self) -> int:
        """The number of answers of engines."""
        return self.answers()

    def close(self, how: str = FINISHED) -> None:
        """End this process's part; ``how`` is kept, for whoever resumes."""
        try:
            if self._failed is None and self._beside is not None and not self._looking:
                self.put([note(ENDED, (self.attempt,), {"how": how})])
                if how == FINISHED:  # what is not answered by now was given up, not interrupted
                    self._beside.asked.clear()
        finally:
            self._closing.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
            return
        with suppress(IncompleteError):  # what went wrong before is what has to be told
            self.close(kind.__name__)

    def _failure(self, error: sqlite3.DatabaseError | OSError) -> IncompleteError | IntegrityError:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK)
        if isinstance(error, BlockingIOError) or code & _PRIMARY in _HELD:
            return held(self._path.parent)
        if isinstance(error, OSError) or (code & _PRIMARY in _UNWRITABLE and code != sqlite3.SQLITE_IOERR_SHORT_READ):
            return self._unwritable(error)
        return self._damaged(str(error).partition(" with text")[0])

    def _unwritable(self, error: Exception) -> IncompleteError:
        said = (error.strerror or str(error)).lower() if isinstance(error, OSError) else str(error)
        help = "free some space, then give the same command again: nothing is lost"
        return IncompleteError(Diagnostic("E702", f"cannot write {self._path}: {said}", help=help))

    def _damaged(self, said: str) -> IntegrityError:
        help = f"`cordspec journal repair --dry-run {self._path.parent}` says what can be saved; nothing was changed"
        return IntegrityError(Diagnostic("E701", f"{self._path} is damaged: {said}", help=help))


def held(run: Path) -> IncompleteError:
    """Another process has a run open."""
    named = holder(run)
    message = f"another process is working in {run}" + (f": {named}" if named else "")
    return IncompleteError(Diagnostic("E703", message, help="wait for it, or choose another --out"))


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, timeout=0.5, check_same_thread=False)
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA trusted_schema = OFF")
    return connection


def log_of(path: Path) -> Path:
    """The write-ahead log of a database."""
    return path.with_name(path.name + "-wal")
