"""Parsing after a keystroke: only what changed is read again, and the result is that of a fresh parse."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from cordspec.diagnostics import Diagnostic, Source, Span
from cordspec.editor.loading import real_path
from cordspec.editor.moving import Mover
from cordspec.editor.pieces import Piece, cut
from cordspec.editor.reading import Reading, read, windows, within
from cordspec.syntax import parse
from cordspec.syntax.habits import DASH
from cordspec.syntax.nodes import Block, File, Item, Number
from cordspec.syntax.parser import CONTROL, DEEPEST, DIRECTION, LARGEST_FILE, MOST_TOKENS
from cordspec.syntax.recovery import MOST_DIAGNOSTICS, MOST_REPAIRS

Key = tuple[bool, str]
"""Whether a part is the first of its text, and the part."""
Placed = dict[tuple[int, int], tuple[Reading, list[Item]]]
"""Parts with their items as they stand in a text, by where they begin and which they are."""
MOST_VERSIONS: Final = 32
"""How many former texts are kept alive by items that did not move."""
FEW: Final = min(MOST_DIAGNOSTICS, MOST_REPAIRS // 4) // 2
"""Diagnostics of one file up to which the limits of the recovery are surely not reached."""


@dataclass(slots=True)
class _Known:
    """One file as it was last read."""

    result: tuple[File, list[Diagnostic]]
    pieces: dict[Key, Reading] = field(default_factory=dict)
    windows: dict[Key, Reading | None] = field(default_factory=dict)
    placed: Placed = field(default_factory=dict)
    versions: int = 0
    """How many former texts the items may be of."""


class Memory:
    """Remembers every file as it was last read, piece by piece.

    Pieces that parse by themselves parse the same one after the other: the language has one reading, and no word but a long
    text goes over lines. A broken one is read with its neighbours, as far as the recovery looks. Where that is not enough
    to be sure, the whole file is read.
    """

    def __init__(self, unsaved: Mapping[str, str] | None = None) -> None:
        self._unsaved = {} if unsaved is None else unsaved
        self._files: dict[str, _Known] = {}
        self._read_now: dict[str, File] = {}

    def parse(self, source: Source) -> tuple[File, list[Diagnostic]]:
        """The same as `cordspec.syntax.parse`, of the unsaved text where there is one.

        A text that has not changed is told of as the source that it was before.
        """
        path = real_path(source.name)
        text = self._unsaved.get(path, source.text)
        if text is not source.text:
            source = Source(source.name, text)
        known = self._files.get(source.name)
        if known is None or known.result[0].span.source.text != text:
            self._files[source.name] = known = self._read(source, known)
        self._read_now[path] = known.result[0]
        return known.result[0], list(known.result[1])

    def forget(self, name: str) -> None:
        """Drop a file that nobody reads any more."""
        self._files.pop(name, None)

    @contextmanager
    def in_use(self) -> Iterator[Mapping[str, File]]:
        """While a spec is read; yields what is read for it, by real path."""
        self._read_now = {}
        yield self._read_now

    def _read(self, source: Source, before: _Known | None) -> _Known:
        pieces = cut(source.text) if _ordinary(source.text) else None
        if pieces is None:
            return _Known(parse(source))
        made = _Known((File(None, (), Span(source, 0, 0)), []))
        readings: list[Reading] = []
        for at, piece in enumerate(pieces):
            key = (at == 0, piece.text)
            reading = before.pieces.get(key) if before else None
            reading = reading or made.pieces.get(key) or read(piece.text, is_first=at == 0)
            made.pieces[key] = reading
            readings.append(reading)
        parts = _parts(source, pieces, readings, made, before)
        if before is not None and before.versions < MOST_VERSIONS:
            made.placed, made.versions = before.placed, before.versions + 1
        together = _together(source, parts, made) if parts is not None else None
        made.result = together if together is not None else parse(source)
        return made


def _ordinary(text: str) -> bool:
    """Whether no limit of the parser can be passed by the text as a whole."""
    if len(text) > LARGEST_FILE or CONTROL.search(text) or DIRECTION.search(text):
        return False
    return text.isascii() or unicodedata.is_normalized("NFC", text)


def _parts(
    source: Source, pieces: list[Piece], readings: list[Reading], made: _Known, before: _Known | None
) -> list[tuple[int, Reading]] | None:
    """All pieces with their places; broken ones as they are among their neighbours. None where that is not sure."""
    found: list[tuple[int, Reading]] = []
    at = 0
    opened = 0
    if not readings[0].clean or sum(reading.tokens for reading in readings) > MOST_TOKENS:
        return None  # without its first line a file may be given up altogether
    for window in windows(readings):
        start = pieces[window.left].start
        end = pieces[window.right].start if window.right < len(pieces) else len(source.text)
        key = (window.left == 0, source.text[start:end])
        if before is not None and key in before.windows:
            broken = before.windows[key]
        else:
            broken = within(window, read(key[1], is_first=key[0]), pieces, readings)
        made.windows[key] = broken
        if broken is None:
            return None
        opened += broken.brackets
        found += [(pieces[number].start, readings[number]) for number in range(at, window.first)]
        found.append((start, broken))
        at = window.end
    if opened + max(reading.brackets for reading in readings) > DEEPEST:
        return None
    return [*found, *((pieces[number].start, readings[number]) for number in range(at, len(pieces)))]


def _together(source: Source, parts: list[tuple[int, Reading]], known: _Known) -> tuple[File, list[Diagnostic]] | None:
    """The file of its parts; None where the recovery would have taken notice of two of them at once.

    Up to the first change the items are those of the former text: it has the same characters and lines there.
    """
    placed: Placed = {}
    same = True
    edition: Number | None = None
    items: list[Item] = []
    found: list[Diagnostic] = []
    lines: set[int] = set()
    dashes = 0
    for start, reading in parts:
        mover = Mover(source, start - reading.before)
        key = (start, id(reading))
        same = same and key in known.placed
        moved = (
            [_again(item, source) for item in known.placed[key][1]] if same else list(map(mover.item, reading.items))
        )
        placed[key] = reading, moved
        items += moved
        told = [mover.diagnostic(one) for one in reading.diagnostics]
        here = {one.span.line for one in told if one.span}
        dashes += any(one.message == DASH for one in told)
        if not lines.isdisjoint(here) or dashes > 1:
            return None
        lines |= here
        found += told
        if start == 0 and reading.edition is not None and not reading.before:
            edition = mover.number(reading.edition)
    if len(found) > FEW or (edition is not None and edition.value != 1):
        return None
    known.placed = placed
    lost = frozenset[str]().union(*(reading.lost for _, reading in parts))
    lost_kinds = frozenset[str]().union(*(reading.lost_kinds for _, reading in parts))
    return File(edition, items, Span(source, 0, len(source.text)), lost, lost_kinds), found


def _again(item: Item, source: Source) -> Item:
    """An item of a former text; its block tells by its source which file it is in."""
    if not isinstance(item, Block):
        return item
    span = Span(source, item.span.start, item.span.end)
    return Block(item.kind, item.name, item.component, item.like, item.fields, item.doc, span)
