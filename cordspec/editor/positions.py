"""Offsets in a text to the positions that an editor counts in, and back.

A source counts characters. The protocol counts lines, which end in LF, CRLF or CR, and code units on a line: of UTF-16 unless
both sides agree on something else, so that a character outside the Basic Multilingual Plane is two.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import Final, Literal

Encoding = Literal["utf-8", "utf-16", "utf-32"]
LINE_END: Final = re.compile(r"\r\n|\n|\r")


class Positions:
    """The lines of one text."""

    def __init__(self, text: str, encoding: Encoding = "utf-16") -> None:
        self._text = text
        self._encoding = encoding
        ends = [found.span() for found in LINE_END.finditer(text)]
        self._starts = [0, *(end for _, end in ends)]
        self._ends = [*(start for start, _ in ends), len(text)]

    def position(self, offset: int) -> tuple[int, int]:
        """Line and code units before a character of it, both from 0."""
        line = bisect_right(self._starts, offset) - 1
        start = self._starts[line]
        return line, units(self._text[start : min(offset, self._ends[line])], self._encoding)

    def offset(self, line: int, character: int) -> int:
        """The character at a position. What lies beyond a line is its end, and what splits a character is its beginning."""
        if line >= len(self._starts):
            return len(self._text)
        start, end = self._starts[line], self._ends[line]
        written = self._text[start:end]
        if self._encoding == "utf-32" or written.isascii():
            return min(start + character, end)
        passed = 0
        for at, one in enumerate(written):
            passed += units(one, self._encoding)
            if passed > character:
                return start + at
        return end


def units(text: str, encoding: Encoding) -> int:
    """The length of a text in code units; half a pair of surrogates, which a client may send, counts as one."""
    if encoding == "utf-32" or text.isascii():
        return len(text)
    if encoding == "utf-8":
        return len(text.encode("utf-8", "surrogatepass"))
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
