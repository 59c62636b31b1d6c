"""Words to entries and groups. Each comment is given its place here; nothing else decides about it.

A comment on a line of its own leads what comes next, or stays at the end of its group. A comment at the end of a line
trails what it follows. A comment in the middle of an entry moves above it. One in the head of a block moves behind the
opening brace, because above the block it could become its ``##`` description, or cut that off.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from cordspec.syntax.layout.lexemes import END, Comment, Lexeme
from cordspec.syntax.layout.nodes import Entry, Group, Sort


def outline(words: list[Lexeme]) -> tuple[tuple[Entry, ...], tuple[Comment, ...]]:
    """The items of a text without syntax errors, and the comments after the last of them."""
    return _Reader(words).file()


class _Reader:
    """Reads by recursive descent: the text has been parsed before, so that there is nothing to find wrong."""

    def __init__(self, words: list[Lexeme]) -> None:
        self._words = words
        self._placed = -1
        self._at = 0

    def file(self) -> tuple[tuple[Entry, ...], tuple[Comment, ...]]:
        entries, last = self._sequence(self._item, END, self._place())
        return entries, tuple(last)

    @property
    def _type(self) -> str:
        return self._words[self._at].type

    def _place(self) -> list[Comment]:
        """The comments before the next word; who asks for them gives them their place, so they are given once."""
        if self._placed == self._at:
            return []
        self._placed = self._at
        return list(self._words[self._at].comments)

    def _take(self, inner: list[Comment]) -> str:
        """The next word; the comments before it, where they have no place yet, go to ``inner``."""
        word = self._words[self._at]
        if word.comments:
            inner += (replace(comment, breaks=1) for comment in self._place())
        self._at += 1
        return word.text

    def _sequence(
        self, read: Callable[[], tuple[Entry, list[Comment]]], closing: str, above: list[Comment]
    ) -> tuple[tuple[Entry, ...], list[Comment]]:
        """Entries up to a closing bracket, and the comments between the last of them and the bracket."""
        entries: list[Entry] = []
        while self._type != closing:
            after_blank = self._words[self._at].breaks > 1
            entry, inner = read()
            if inner and after_blank:
                inner[0], after_blank = replace(inner[0], breaks=2), False
            following = self._place()
            if self._type == "COMMA":
                self._take([])
                following += self._place()
            remark = _remark(following)
            if above or inner or after_blank or remark:
                entry = replace(entry, above=(*above, *inner), after_blank=after_blank, remark=remark)
            entries.append(entry)
            above = following
        return tuple(entries), above

    def _item(self) -> tuple[Entry, list[Comment]]:
        inner: list[Comment] = []
        match self._type:
            case "CORD" | "EXTENDS":
                text = f"{self._take(inner)} {self._take(inner)}"
                return Entry((), "", text), inner
            case "IMPORT":
                text = " ".join(self._take(inner) for _ in range(4))
                return Entry((), "", text), inner
            case "LET":
                head = f"{self._take(inner)} {self._take(inner)}"
                self._take(inner)
                return Entry((head,), " = ", self._value(inner)), inner
            case _:
                return self._block(), []

    def _block(self) -> Entry:
        inner: list[Comment] = []
        cells = [self._take(inner), self._take(inner)]
        sort: Sort = "patch"
        if self._type in ("COLON", "LIKE"):
            sort = ":" if self._type == "COLON" else "like"
            cells.append(f"{self._take(inner)} {self._path(inner)}")
        self._take(inner)
        return Entry(tuple(cells), " ", self._group("{", inner), sort)

    def _field(self) -> tuple[Entry, list[Comment]]:
        inner: list[Comment] = []
        path = self._path(inner)
        self._take(inner)
        return Entry((path,), " = ", self._value(inner), "field"), inner

    def _element(self) -> tuple[Entry, list[Comment]]:
        inner: list[Comment] = []
        return Entry((), "", self._value(inner)), inner

    def _value(self, inner: list[Comment]) -> str | Group:
        if self._type == "NAME":
            return self._path(inner)
        text = self._take(inner)
        if text in ("{", "["):
            return self._group(text, [])
        if self._words[self._at].text == "..":
            text += self._take(inner) + self._take(inner)
        return text

    def _path(self, inner: list[Comment]) -> str:
        text = self._take(inner)
        while self._type == "DOT":
            text += self._take(inner) + self._take(inner)
        return text

    def _group(self, bracket: str, head: list[Comment]) -> Group:
        """What follows an opening bracket; ``head`` holds comments from before it that belong behind it."""
        above = [*(replace(comment, breaks=min(number, 1)) for number, comment in enumerate(head)), *self._place()]
        if head:
            above[len(head) :] = [replace(comment, breaks=max(comment.breaks, 1)) for comment in above[len(head) :]]
        opened = self._words[self._at].breaks > 0
        remark = _remark(above)
        if bracket == "{":
            entries, last = self._sequence(self._field, "RBRACE", above)
        else:
            entries, last = self._sequence(self._element, "RSQB", above)
        self._take([])
        return Group(bracket, entries, remark, tuple(last), opened)


def _remark(comments: list[Comment]) -> str:
    """Takes the first comment where it stands at the end of a line."""
    return comments.pop(0).text if comments and not comments[0].breaks else ""
