"""What segmenters have in common whose steps are plain text between boundaries, without headers to mend."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from cordspec.plugin import Piece


def cut_at(text: str, boundaries: Iterable[int]) -> list[Piece]:
    """The pieces of a text that begin at these places; nothing is cut before its first word.

    A step keeps the white space that it begins with and loses that at its end, which belongs to the next one.
    """
    said = len(text) - len(text.lstrip())
    starts = [0, *sorted({place for place in boundaries if place > said}), len(text)]
    return [_piece(text[start:end]) for start, end in pairwise(starts)]


def _piece(raw: str) -> Piece:
    text = raw.rstrip()
    return Piece(raw, text, () if text or not raw else ("empty step",))
