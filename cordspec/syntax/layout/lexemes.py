"""Words of the language, each with the comments and the line breaks that stand before it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cordspec.syntax.tables import lark

END: Final = "$END"
"""The type of the lexeme after the last word. It has no text; it holds the comments at the end of the file."""

BETWEEN: Final = " \t\r\n\ufeff"
"""The characters that only separate: those of the grammar's white space."""


@dataclass(frozen=True, slots=True)
class Comment:
    """One comment; ``breaks`` counts the line breaks between it and what stands before it."""

    text: str
    breaks: int

    @property
    def after_blank(self) -> bool:
        return self.breaks > 1


@dataclass(frozen=True, slots=True)
class Lexeme:
    """One word; ``breaks`` counts the line breaks between it and what stands before it, be it a word or a comment."""

    type: str
    text: str
    comments: tuple[Comment, ...]
    breaks: int


def lexemes(text: str) -> list[Lexeme]:
    """All words of a text, then one of the type `END`. With what is between them they are the whole text."""
    found: list[Lexeme] = []
    end = 0
    for token in lark().lex(text):
        start = token.start_pos or 0
        found.append(Lexeme(token.type, str(token), *_between(text[end:start])))
        end = start + len(token)
    found.append(Lexeme(END, "", *_between(text[end:])))
    return found


def _between(gap: str) -> tuple[tuple[Comment, ...], int]:
    """The comments in what the lexer passes over, and the line breaks after the last of them."""
    if "\n" not in gap and "#" not in gap:
        return (), 0
    comments: list[Comment] = []
    breaks = -1
    for line in gap.split("\n"):
        breaks += 1
        _, sign, comment = line.partition("#")
        if sign:
            comments.append(Comment(f"#{comment}".rstrip(BETWEEN), breaks))
            breaks = 0
    return tuple(comments), breaks


def comments_of(words: list[Lexeme]) -> list[str]:
    """Every comment in order, without the white space after it."""
    return [comment.text for word in words for comment in word.comments]
