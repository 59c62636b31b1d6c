"""The write-ahead log, read before SQLite reads it.

SQLite takes a log up to its first bad frame and forgets the rest. After a crash the bad frame is the last one: a write was
under way. If good frames follow it, the file was damaged, and opening it would drop answers that were acknowledged.
Format: "The Write-Ahead Log" in SQLite's "Database File Format".
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_HEADER, _FRAME_HEADER = 32, 24
_LITTLE, _BIG = 0x377F0682, 0x377F0683
_MASK = 0xFFFFFFFF

Sums = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Frame:
    """A page of a log whose checksum follows from the frame before it. ``pages`` is the size of the database after the
    transaction that this frame ends, 0 within one.
    """

    number: int
    page: int
    pages: int
    content: bytes


@dataclass(frozen=True, slots=True)
class Log:
    """What a log holds: frames that SQLite will take, and good ones that it will not see."""

    taken: tuple[Frame, ...] = ()
    hidden: tuple[Frame, ...] = ()
    page_size: int = 0
    header_is_bad: bool = False

    @property
    def broken(self) -> bool:
        """Whether reading it would lose good frames without a word."""
        return bool(self.hidden) or self.header_is_bad


def read_log(path: Path) -> Log:
    """The log of a database; an empty one where there is none."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return Log()
    if len(data) < _HEADER:
        return Log()
    magic, _, size, _, salt1, salt2, sum1, sum2 = struct.unpack(">8I", data[:_HEADER])
    order: Final = {_LITTLE: "little", _BIG: "big"}.get(magic, "")
    if not order or _sums(data[: _HEADER - 8], (0, 0), order) != (sum1, sum2):
        return Log(header_is_bad=len(data) > _HEADER + _FRAME_HEADER)
    good = list(_good_frames(data, size, (salt1, salt2), (sum1, sum2), order))
    run = next((at for at, frame in enumerate(good) if frame.number != at), len(good))
    return Log(tuple(good[:run]), tuple(good[run:]), size)


def _good_frames(data: bytes, size: int, salts: Sums, before: Sums, order: str) -> Iterator[Frame]:
    """Every frame of this log's generation that fits to what the frame before it says its own checksum is."""
    step = _FRAME_HEADER + size
    for number, start in enumerate(range(_HEADER, len(data) - step + 1, step)):
        head = data[start : start + _FRAME_HEADER]
        page, pages, salt1, salt2, sum1, sum2 = struct.unpack(">6I", head)
        if (salt1, salt2) == salts:
            content = data[start + _FRAME_HEADER : start + step]
            if _sums(head[:8] + content, before, order) == (sum1, sum2):
                yield Frame(number, page, pages, content)
        before = (sum1, sum2)


def _sums(data: bytes, before: Sums, order: str) -> Sums:
    words = array("I", data)
    if order != sys.byteorder:
        words.byteswap()
    first, second = before
    for at in range(0, len(words), 2):
        first = (first + words[at] + second) & _MASK
        second = (second + words[at + 1] + first) & _MASK
    return first, second
