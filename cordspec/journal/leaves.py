"""Rows read from the leaf pages of a database, without its tree: what a damaged inner page would hide is still found.

A row counts where its checksum is right, so a page may be anything. Format: "B-tree Pages" in SQLite's "Database File
Format".
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from cordspec.journal.rows import Stored, intact

PAGE: Final = 4096
"""The size of pages: SQLite's default since 2016, which the journal never changes."""
_LEAF: Final = 0x0D
_FIRST_PAGE_OFFSET: Final = 100
_LONGEST: Final = 1 << 28
_MOST_LOCAL, _LEAST_LOCAL = PAGE - 35, (PAGE - 12) * 32 // 255 - 23
_INTEGERS: Final = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}
_REAL, _ZERO, _ONE = 7, 8, 9


def read_rows(path: Path) -> Iterator[Stored]:
    """Every good row of a database file, in the order of pages; one that lies there twice comes twice."""
    size = path.stat().st_size
    with path.open("rb") as file:
        pages = _Pages(file.fileno(), size)
        for number in range(1, pages.count + 1):
            yield from _rows(pages, pages.read(number), _FIRST_PAGE_OFFSET if number == 1 else 0)


class _Pages:
    """A file by pages."""

    def __init__(self, handle: int, size: int) -> None:
        self._handle = handle
        self.count = size // PAGE

    def read(self, number: int) -> bytes:
        return os.pread(self._handle, PAGE, (number - 1) * PAGE)


def _rows(pages: _Pages, page: bytes, head: int) -> Iterator[Stored]:
    if page[head] != _LEAF:
        return
    (cells,) = struct.unpack_from(">H", page, head + 3)
    for at in range(min(cells, (PAGE - head - 8) // 2)):
        (place,) = struct.unpack_from(">H", page, head + 8 + 2 * at)
        try:
            row = _row(pages, page, place)
        except (IndexError, ValueError, struct.error):
            continue
        if row is not None and intact(row):
            yield row


def _row(pages: _Pages, page: bytes, place: int) -> Stored | None:
    length, place = _varint(page, place)
    seq, place = _varint(page, place)
    if not 0 < length < _LONGEST:
        return None
    values = list(_values(_payload(pages, page, place, length)))
    match values:
        case [None, bytes(key), int(attempt), str(who), str(answer), (int() | float()) as seconds, bytes(check)]:
            return seq, key, attempt, who, answer, float(seconds), check
    return None


def _payload(pages: _Pages, page: bytes, place: int, length: int) -> bytes:
    """A record, of which a long one goes on in a chain of overflow pages."""
    if length <= _MOST_LOCAL:
        return page[place : place + length]
    local = _LEAST_LOCAL + (length - _LEAST_LOCAL) % (PAGE - 4)
    local = local if local <= _MOST_LOCAL else _LEAST_LOCAL
    parts, left = [page[place : place + local]], length - local
    (following,) = struct.unpack_from(">I", page, place + local)
    while left > 0:
        if not 0 < following <= pages.count:
            raise ValueError("the chain of pages is broken")
        content = pages.read(following)
        (following,) = struct.unpack_from(">I", content)
        parts.append(content[4 : 4 + left])
        left -= PAGE - 4
    return b"".join(parts)


def _values(record: bytes) -> Iterator[object]:
    end, place = _varint(record, 0)
    types = []
    while place < end:
        kind, place = _varint(record, place)
        types.append(kind)
    for kind in types:
        width = _width(kind)
        yield _value(kind, record[place : place + width])
        place += width


def _width(kind: int) -> int:
    if kind >= 12:
        return (kind - 12) // 2
    return 8 if kind == _REAL else _INTEGERS.get(kind, 0)


def _value(kind: int, content: bytes) -> object:
    if kind >= 12:
        return content.decode() if kind % 2 else content
    if kind == _REAL:
        return struct.unpack(">d", content)[0]
    if kind in _INTEGERS:
        return int.from_bytes(content, "big", signed=True)
    return {_ZERO: 0, _ONE: 1}.get(kind)


def _varint(data: bytes, place: int) -> tuple[int, int]:
    """A variable-length integer and the place after it."""
    value = 0
    for _ in range(8):
        byte = data[place]
        place += 1
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, place
    return value << 8 | data[place], place + 1
