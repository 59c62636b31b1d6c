"""The words of a piece of text, however broken it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from cordspec.editor.pieces import MARKS, Piece, cut
from cordspec.syntax.tables import lark

NAMES: Final = frozenset(["NAME", "BOOL", "LIKE", "AS", "CORD", "IMPORT", "EXTENDS", "LET"])
"""Words that are a name, or were not yet another word when somebody began to type them."""


@dataclass(frozen=True, slots=True)
class Word:
    """One token and where it is; ``type`` is that of the grammar."""

    type: str
    text: str
    start: int

    @property
    def end(self) -> int:
        return self.start + len(self.text)

    @property
    def is_name(self) -> bool:
        return self.type in NAMES

    @property
    def is_number(self) -> bool:
        return self.type in ("NUMBER", "QUANTITY")


def piece_at(text: str, offset: int) -> Piece:
    """The block around a place, with what follows it up to the next one."""
    pieces = cut(text) or [Piece(0, text)]
    return next(piece for piece in reversed(pieces) if piece.start <= offset)


def words(piece: Piece) -> list[Word]:
    """All words of a piece."""
    return list(_words(piece))


def _words(piece: Piece) -> Iterator[Word]:
    for token in lark().lex(piece.text):
        yield Word(token.type, str(token), piece.start + (token.start_pos or 0))


def is_quiet(piece: Piece, offset: int) -> bool:
    """Whether a place is inside a comment or a quoted text, one that is not yet closed included."""
    at = offset - piece.start
    for found in MARKS.finditer(piece.text):
        start, end = found.span()
        if start >= at:
            break
        comment = found.group().startswith("#")
        if found.group("kind") is None and (at < end or (comment and at == end)):
            return True
    line = piece.text.rfind("\n", 0, at) + 1
    before = MARKS.sub("", piece.text[line:at])
    return '"' in before
