"""What a part of a text says, read by itself, or with its neighbours where it is broken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from cordspec.diagnostics import Diagnostic, Source
from cordspec.editor.moving import Mover
from cordspec.editor.pieces import Piece
from cordspec.syntax import parse
from cordspec.syntax.nodes import Block, Extends, Item, Number
from cordspec.syntax.tables import lark

HEADER: Final = "cord 1\n"
"""Put before a part that is not the first, so that it is a text of its own."""
BEFORE: Final = 5
AFTER: Final = 16
"""Words of unbroken text that a broken part is read with: more than the recovery looks back and ahead."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The parse of a part; its offsets are those of the whole text where the part begins at ``start``, less ``before``."""

    edition: Number | None
    items: Sequence[Item]
    diagnostics: Sequence[Diagnostic]
    lost: frozenset[str]
    lost_kinds: frozenset[str]
    before: int
    """The length of what was put before the part."""
    brackets: int
    """How many are opened in it."""
    tokens: int

    @property
    def clean(self) -> bool:
        return not self.diagnostics and not self.lost

    @property
    def words(self) -> int:
        """How many words it has at least."""
        return sum(_words(item) for item in self.items)


@dataclass(frozen=True, slots=True)
class Window:
    """A run of broken pieces, ``first`` to ``end``, among neighbours that are not, ``left`` to ``right``."""

    left: int
    first: int
    end: int
    right: int


def read(text: str, *, is_first: bool) -> Reading:
    """A part of a text by itself."""
    before = "" if is_first else HEADER
    file, found = parse(Source("", before + text))
    brackets = text.count("{") + text.count("[")
    tokens = sum(1 for _ in lark().lex(text))
    return Reading(file.edition, file.items, found, file.lost, file.lost_kinds, len(before), brackets, tokens)


def windows(readings: Sequence[Reading]) -> list[Window]:
    """The broken pieces with their neighbours. Runs that are too near to each other to be independent are one."""
    found: list[Window] = []
    at = 0
    while at < len(readings):
        if readings[at].clean:
            at += 1
            continue
        left, words = at, 0
        while left > 0 and words < BEFORE:
            left -= 1
            words += readings[left].words
        end, right, words = at + 1, at + 1, 0
        while right < len(readings) and words < AFTER:
            words += readings[right].words
            right += 1
            if not readings[right - 1].clean:
                end, words = right, 0
        found.append(Window(left, at, end, right))
        at = right
    return found


def within(window: Window, whole: Reading, pieces: Sequence[Piece], readings: Sequence[Reading]) -> Reading | None:
    """What the broken pieces of a window say; None where mending them changed their neighbours too."""
    if any(found.code.startswith("E4") for found in whole.diagnostics):
        return None
    before = _moved(range(window.left, window.first), window, whole, pieces, readings)
    after = _moved(range(window.end, window.right), window, whole, pieces, readings)
    items = list(whole.items)
    if len(items) < len(before) + len(after):
        return None
    first, end = len(before), len(items) - len(after)
    if items[:first] != before or items[end:] != after:
        return None
    return replace(whole, items=items[first:end])


def _moved(
    numbers: range, window: Window, whole: Reading, pieces: Sequence[Piece], readings: Sequence[Reading]
) -> list[Item]:
    """The items of unbroken pieces as the window should have them."""
    found: list[Item] = []
    for number in numbers:
        if not whole.items:
            break
        reading = readings[number]
        by = pieces[number].start - pieces[window.left].start + whole.before - reading.before
        mover = Mover(whole.items[0].span.source, by)
        found += [mover.item(item) for item in reading.items]
    return found


def _words(item: Item) -> int:
    if isinstance(item, Block):
        return 4 + 3 * len(item.fields)
    return 2 if isinstance(item, Extends) else 4
