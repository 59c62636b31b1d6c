"""A text cut where its blocks begin, so that what has been read once need not be read again."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from cordspec.syntax.parser import KINDS

MARKS: Final = re.compile(
    r'(?P<text>"""(?s:.*?)""")|"(?:\\.|[^"\\\n])*"|#[^\n]*|^(?P<kind>' + "|".join(sorted(KINDS)) + r")(?![A-Za-z0-9_])",
    re.MULTILINE,
)
"""What the lexer takes as one, so that a kind inside it begins nothing; and a kind in the first column."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a text, from its first character to the next piece."""

    start: int
    text: str


def cut(text: str) -> list[Piece] | None:
    """The pieces of a text: what stands before the first block, then each block with the ``##`` lines above it.

    None where such a line is the end of a long text, which the parser takes for a description none the less.
    """
    starts = [0]
    last_text = 0
    for found in MARKS.finditer(text):
        if found.group("text") is not None:
            last_text = found.end()
        elif found.group("kind") is not None:
            start = _with_description(text, found.start())
            if start < last_text:
                return None
            starts.append(start)
    return [Piece(start, text[start:end]) for start, end in zip(starts, [*starts[1:], len(text)], strict=True)]


def _with_description(text: str, start: int) -> int:
    while start:
        above = text.rfind("\n", 0, start - 1) + 1
        if not text[above : start - 1].strip().startswith("##"):
            break
        start = above
    return start
