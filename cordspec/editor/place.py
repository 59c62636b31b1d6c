"""Where in a spec somebody is typing, from the words before the cursor: the text is mostly broken just there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from cordspec.diagnostics import Source
from cordspec.editor.fields import ITEM
from cordspec.editor.headers import Header
from cordspec.editor.words import Word, is_quiet, piece_at, words

NO_HEADER: Final = Header()
Sort = Literal["kind", "origin", "component", "like", "field", "value", "nothing"]


@dataclass(frozen=True, slots=True)
class Place:
    """What may be typed at a place.

    ``steps`` lead from the block to the object or value that is being written; ``start`` is where the word begins that
    is being typed, with the names and dots before it in ``qualifiers``; ``given`` are the fields that the object has.
    """

    sort: Sort
    start: int
    word: str = ""
    header: Header = NO_HEADER
    steps: tuple[str, ...] = ()
    qualifiers: tuple[str, ...] = ()
    given: frozenset[str] = frozenset()
    first_column: bool = False
    """A kind may begin here, whatever stands before it."""
    followed_by_equals: bool = False


def place_at(source: Source, offset: int) -> Place:
    """Where an offset is."""
    piece = piece_at(source.text, offset)
    if is_quiet(piece, offset):
        return Place("nothing", offset)
    all_words = words(piece)
    before = [word for word in all_words if word.end <= offset]
    after = [word for word in all_words if word.end > offset]
    typed: Word | None = None
    if after and after[0].start < offset:
        typed = after.pop(0)
    elif before and before[-1].end == offset and (before[-1].is_name or before[-1].is_number):
        typed = before.pop()
    if typed is not None and not (typed.is_name or typed.is_number):
        return Place("nothing", offset)
    start = typed.start if typed else offset
    qualifiers: list[str] = []
    while len(before) > 1 and before[-1].type == "DOT" and before[-2].is_name and before[-1].end == start:
        qualifiers.insert(0, before[-2].text)
        start = before[-2].start
        del before[-2:]
    if before and before[-1].type == "DOT":
        return Place("nothing", offset)
    reader = _Reader()
    for word in before:
        reader.take(word)
    typing = Place(
        "nothing",
        start,
        source.text[typed.start : offset] if typed else "",
        qualifiers=tuple(qualifiers),
        first_column=not qualifiers and (start == 0 or source.text[start - 1] == "\n"),
        followed_by_equals=bool(after) and after[0].type == "EQUAL",
    )
    return reader.place(typing, after)


@dataclass(slots=True)
class _Frame:
    """A bracket that is open: ``steps`` lead to it, ``path`` to what is being written in it."""

    bracket: Literal["{", "["]
    steps: tuple[str, ...]
    path: tuple[str, ...] = ()
    state: Literal["field", "value", "done"] = "field"
    given: set[str] = field(default_factory=set)

    @property
    def inner(self) -> tuple[str, ...]:
        return (*self.steps, ITEM) if self.bracket == "[" else (*self.steps, *self.path)


class _Reader:
    """Follows brackets and signs; whatever does not fit is passed over."""

    def __init__(self) -> None:
        self._head: list[Word] = []
        self._frames: list[_Frame] = []
        self._header = Header()

    def take(self, word: Word) -> None:
        if word.type in ("LBRACE", "LSQB"):
            self._open("{" if word.type == "LBRACE" else "[")
        elif word.type in ("RBRACE", "RSQB"):
            self._close("{" if word.type == "RBRACE" else "[")
        elif not self._frames:
            self._outside(word)
        elif self._frames[-1].bracket == "{":
            _in_object(self._frames[-1], word)

    def place(self, typing: Place, after: Sequence[Word]) -> Place:
        """The place after all words so far; ``after`` are those that follow."""
        if not self._frames:
            return self._in_header(typing)
        frame = self._frames[-1]
        is_value = frame.bracket == "[" or frame.state == "value"
        return Place(
            "value" if is_value else "field",
            typing.start,
            typing.word,
            self._header,
            frame.inner if is_value else frame.steps,
            typing.qualifiers,
            frozenset(frame.given | _given(after)) if frame.bracket == "{" else frozenset(),
            typing.first_column,
            typing.followed_by_equals,
        )

    def _open(self, bracket: Literal["{", "["]) -> None:
        if not self._frames:
            self._header = _header(self._head)
            self._head = []
            self._frames.append(_Frame(bracket, ()))
            return
        frame = self._frames[-1]
        self._frames.append(_Frame(bracket, frame.inner))
        frame.state = "done"

    def _close(self, bracket: Literal["{", "["]) -> None:
        opened = [frame.bracket for frame in self._frames]
        if bracket in opened:
            last = len(opened) - 1 - opened[::-1].index(bracket)
            del self._frames[last:]
        if not self._frames:
            self._head = []

    def _outside(self, word: Word) -> None:
        self._head.append(word)
        types = [one.type for one in self._head]
        ends_let = types[:1] == ["LET"] and len(types) > 3 and not {"DOT", "__ANON_0"} & set(types[-2:])
        ends_import = types[:1] == ["IMPORT"] and len(types) > 3
        if ends_let or ends_import or (types[:1] in (["EXTENDS"], ["CORD"]) and len(types) > 1):
            self._head = []

    def _in_header(self, typing: Place) -> Place:
        header = _header(self._head)
        types = [word.type for word in self._head]
        sort: Sort = "nothing"
        if (not types or typing.first_column) and not typing.qualifiers:
            sort = "kind"
        elif len(types) == 2 and all(word.is_name for word in self._head) and types[0] == "NAME":
            sort = "origin"
        elif len(types) == 3 and types[2] == "COLON":
            sort = "component"
        elif len(types) == 3 and types[2] == "LIKE":
            sort = "like"
        return Place(sort, typing.start, typing.word, header, qualifiers=typing.qualifiers, first_column=True)


def _in_object(frame: _Frame, word: Word) -> None:
    if word.type in ("EQUAL", "COLON"):
        frame.state = "value"
        frame.given.add(".".join(frame.path))
    elif word.type == "COMMA":
        frame.state, frame.path = "field", ()
    elif word.type in ("DOT", "__ANON_0"):
        if frame.state == "field":
            frame.path = (*frame.path, "")
        frame.state = "value" if frame.state == "done" else frame.state
    elif frame.state == "value":
        frame.state = "done"
    elif word.is_name:
        goes_on = frame.state == "field" and frame.path[-1:] == ("",)
        frame.path = (*frame.path[:-1], word.text) if goes_on else (word.text,)
        frame.state = "field"


def _header(head: Sequence[Word]) -> Header:
    sign = next((at for at, word in enumerate(head) if word.type in ("COLON", "LIKE") and at), len(head))
    names = [word.text for word in head[:sign] if word.is_name]
    origin = "".join(word.text for word in head[sign + 1 :])
    by_component = sign < len(head) and head[sign].type == "COLON"
    return Header(
        names[0] if names else "",
        names[1] if len(names) > 1 else "",
        origin if by_component else "",
        "" if by_component else origin,
        head[0].start if head else 0,
    )


def _given(after: Sequence[Word]) -> set[str]:
    """The fields of the object that follow the cursor in it."""
    found: set[str] = set()
    depth = 0
    path: list[Word] = []
    for word in after:
        depth += {"LBRACE": 1, "LSQB": 1, "RBRACE": -1, "RSQB": -1}.get(word.type, 0)
        if depth < 0:
            break
        if depth:
            continue
        if word.is_name and path and path[-1].type != "DOT":
            path = []
        if word.type == "EQUAL":
            found.add("".join(one.text for one in path))
        path = [*path, word] if word.is_name or word.type == "DOT" else []
    return found
