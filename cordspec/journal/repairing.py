"""Saving what can be saved of a damaged journal: every row whose checksum is right, wherever it lies.

Good frames of the log behind a bad one are put in as well: they are pages that were acknowledged. The damaged files are kept.
"""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from cordspec.diagnostics import Diagnostic
from cordspec.errors import UsageError
from cordspec.journal import schema
from cordspec.journal.beside import Beside
from cordspec.journal.journal import held, log_of
from cordspec.journal.leaves import read_rows
from cordspec.journal.rows import Stored, checksum
from cordspec.journal.wal import Log, read_log


@dataclass(frozen=True, slots=True)
class Saved:
    """What a repair keeps: ``rows`` of those that the mark says were acknowledged (None: there is no mark)."""

    rows: int
    marked: int | None

    @property
    def lost(self) -> int:
        """Acknowledged rows that cannot be read."""
        return max(0, (self.marked or 0) - self.rows)


def repair(path: Path, *, dry_run: bool) -> Saved:
    """Make a journal of the good rows of a damaged one; the damaged files get names of their own beside it.

    Args:
        dry_run: say only what would be kept.

    Raises:
        IncompleteError: a process works in the run.
        UsageError: there is no journal.
        OSError: the disk cannot be written.
    """
    if not path.exists():
        raise UsageError(Diagnostic("E708", f"{path.parent} holds no journal", help="give a run directory"))
    try:
        beside = Beside(path.parent)
    except BlockingIOError as error:
        raise held(path.parent) from error
    try:
        partial = path.with_name(f".{path.name}.partial")
        with TemporaryDirectory(dir=None if dry_run else path.parent) as work:
            copy = _copy(path, Path(work))
            target = Path(work) / "dry.db" if dry_run else partial
            target.unlink(missing_ok=True)
            saved = Saved(_write(_readable(copy), target), beside.mark.rows)
        if not dry_run:
            _replace(path, partial)
            beside.mark.write(saved.rows)
        return saved
    finally:
        beside.close()


def _copy(path: Path, work: Path) -> Path:
    """The database with every good page of its log put in, in a directory of its own and without a log."""
    copy = work / "copy.db"
    shutil.copyfile(path, copy)
    log = read_log(log_of(path))
    if not log.page_size:
        return copy
    committed = _committed(log)
    with copy.open("r+b") as file:
        for frame in (*log.taken, *log.hidden):
            if frame.number <= committed:
                file.seek((frame.page - 1) * log.page_size)
                file.write(frame.content)
    return copy


def _committed(log: Log) -> int:
    """The number of the last frame that ends a transaction; -1 if there is none."""
    return max((frame.number for frame in (*log.taken, *log.hidden) if frame.pages), default=-1)


def _readable(copy: Path) -> list[Stored]:
    """The good rows of a damaged database, by their numbers."""
    return sorted({row[0]: row for row in read_rows(copy)}.values())


def _write(rows: list[Stored], target: Path) -> int:
    """A new journal of these rows, numbered anew; the number of them."""
    number = 0
    with closing(sqlite3.connect(target, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = FULL")
        schema.create(connection)
        connection.execute("BEGIN")
        for _, key, attempt, who, answer, seconds, _ in rows:
            with suppress(sqlite3.IntegrityError):  # one key twice: a page of an older time was read as well
                summed = checksum(number + 1, key, attempt, who, answer, seconds)
                values = (number + 1, key, attempt, who, answer, seconds, summed)
                connection.execute("INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?, ?)", values)
                number += 1
        connection.execute("COMMIT")
    return number


def _replace(path: Path, partial: Path) -> None:
    """Put the new journal in the old one's place; the old files stay under other names."""
    number = 1
    while path.with_name(f"{path.name}.damaged-{number}").exists():
        number += 1
    path.rename(path.with_name(f"{path.name}.damaged-{number}"))
    log = log_of(path)
    if log.exists():
        log.rename(path.with_name(f"{log.name}.damaged-{number}"))
    partial.replace(path)
