"""What segmenters have in common whose steps are plain text between boundaries, without headers to mend."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from cordspec.plugin import Piece


def cut_at(text: str, boundaries: Iterable[int]) -> list[Piece]:
    """The pieces of a text that begin at these places; nothing is cut between white space alone and what follows it.

    A step keeps the white space that it begins with and loses that at its end, which belongs to the next one.
    """
    starts = [0]
    for place in sorted(boundaries):
        if text[starts[-1] : place].strip():
            starts.append(place)
    return [Piece(text[start:end], text[start:end].rstrip()) for start, end in pairwise([*starts, len(text)])]
