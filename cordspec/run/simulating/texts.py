"""Made-up text that says how long it is: ``3fa9 [412]`` stands for 412 tokens.

Such texts stay short, however many tokens they stand for, and the real driver, segmenters and prompts work on them as on
any other. A *piece* is a text up to and with its next mark: an opening, or a step. What bears no mark counts as its words.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

_PIECE: Final = re.compile(r"[^\[\]]*\[(\d+)\]")


def marked(text: str, tokens: int) -> str:
    """A text that stands for so many tokens."""
    return f"{text} [{tokens}]"


def pieces_of(text: str) -> tuple[list[tuple[str, int]], str]:
    """The pieces of a text with their tokens, and what follows the last mark."""
    pieces, end = [], 0
    for found in _PIECE.finditer(text):
        pieces.append((found.group(), int(found.group(1))))
        end = found.end()
    return pieces, text[end:]


def length(pieces: Sequence[tuple[str, int]]) -> int:
    """The tokens of pieces."""
    return sum(tokens for _, tokens in pieces)


def count_tokens(text: str) -> int:
    """The length of a text in tokens."""
    pieces, rest = pieces_of(text)
    return length(pieces) + len(rest.split())
