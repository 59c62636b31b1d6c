"""Is every row there, and is each what was written? Read when a journal is opened: nothing is used that was not checked."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from cordspec.journal.rows import intact
from cordspec.journal.schema import KEY_INDEX

ALL_ROWS = "SELECT seq, key, attempt, who, answer, seconds, sum FROM entry ORDER BY seq"
_INDEX = f"SELECT key, seq FROM entry INDEXED BY {KEY_INDEX} ORDER BY key"


@dataclass(frozen=True, slots=True)
class Checked:
    """The number of good rows, and what is wrong; an empty text where nothing is."""

    rows: int
    wrong: str = ""


def check(connection: sqlite3.Connection) -> Checked:
    """Go through all rows once, and once through the index by which they are found.

    Raises:
        sqlite3.DatabaseError: a page cannot be read.
    """
    rows, seen = 0, 0
    for row in connection.execute(ALL_ROWS):
        if row[0] != rows + 1:
            return Checked(rows, f"row {rows + 1} is not there and rows after it are")
        if not intact(row):
            return Checked(rows, f"row {row[0]} fails its checksum")
        rows += 1
        seen ^= hash((row[1], row[0]))
    before = b""
    indexed = 0
    for key, seq in connection.execute(_INDEX):
        if not isinstance(key, bytes) or key <= before:
            return Checked(rows, "the index of keys is not in order")
        before = key
        indexed += 1
        seen ^= hash((key, seq))
    return Checked(rows, "" if indexed == rows and seen == 0 else "the index of keys does not agree with the rows")
