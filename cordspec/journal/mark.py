"""The high-water mark: how many rows were acknowledged, kept outside the database.

A database that lost its end looks like one that never had it; the mark says which of the two it is. It is written after each
commit and not synced, so it may lag behind the rows after a power cut, and never runs ahead of them.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

_DIGITS, _SUM = 20, 16
_LENGTH = _DIGITS + 1 + _SUM + 1


class Mark:
    """The mark of one journal. ``rows`` is None where there is no readable one."""

    def __init__(self, path: Path) -> None:
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        self.rows = _rows(os.pread(self._handle, _LENGTH, 0))

    def write(self, rows: int) -> None:
        """So many rows are on disk."""
        number = f"{rows:0{_DIGITS}d}"
        os.pwrite(self._handle, f"{number} {_sum(number)}\n".encode(), 0)
        self.rows = rows

    def close(self) -> None:
        os.close(self._handle)


def _rows(record: bytes) -> int | None:
    number, _, check = record.decode("ascii", "replace").rstrip("\n").partition(" ")
    return int(number) if number.isdecimal() and check == _sum(number) else None


def _sum(number: str) -> str:
    return hashlib.blake2b(number.encode(), digest_size=_SUM // 2).hexdigest()
