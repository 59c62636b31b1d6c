"""Which groups go over several lines, and how far the columns of neighbouring one-line entries are padded.

Padding makes lines longer, and a longer line may have to be broken. A broken entry leaves its columns, which can only make
the padding of the others smaller. So one look for lines that are too long is enough, and a second formatting finds nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from cordspec.syntax.layout.nodes import Entry, Group


@dataclass(frozen=True, slots=True)
class Placed:
    """An entry with what is written before its value, and whether its value goes over several lines."""

    entry: Entry
    head: str
    expanded: bool


def place(entries: Sequence[Entry], room: int) -> list[Placed]:
    """The entries of one group; ``room`` is what a line has left beside the indentation and a comma."""
    narrow = [Placed(entry, _head(entry, ()), expanded=False) for entry in entries]
    padded = _aligned(_with_breaks(narrow, room))
    return _aligned(_with_breaks(padded, room))


def _with_breaks(placed: Sequence[Placed], room: int) -> list[Placed]:
    return [Placed(one.entry, one.head, one.expanded or _too_long(one, room)) for one in placed]


def _too_long(one: Placed, room: int) -> bool:
    value = one.entry.value
    if not isinstance(value, Group):
        return False
    return value.flat is None or (bool(value.entries) and len(one.head) + len(value.flat) > room)


def _aligned(placed: Sequence[Placed]) -> list[Placed]:
    result: list[Placed] = []
    for run in _runs(placed):
        shared = [_widest(column) for column in zip(*(one.entry.cells[:-1] for one in run), strict=True)]
        for _, same in groupby(run, key=lambda one: one.entry.sort):
            neighbours = list(same)
            widths = (*shared, _widest([cell for one in neighbours for cell in one.entry.cells[-1:]]))
            result += (Placed(one.entry, _head(one.entry, widths), one.expanded) for one in neighbours)
    return result


def _runs(placed: Sequence[Placed]) -> Iterator[list[Placed]]:
    """Neighbours that share columns; an entry that shares none is a run of its own."""
    run: list[Placed] = []
    for one in placed:
        if run and not _share(run[-1], one):
            yield run
            run = []
        run.append(one)
    if run:
        yield run


def _share(above: Placed, below: Placed) -> bool:
    if below.entry.above or below.entry.after_blank or len(above.entry.cells) != len(below.entry.cells):
        return False
    return _has_columns(above) and _has_columns(below)


def _has_columns(one: Placed) -> bool:
    over_lines = one.expanded or (isinstance(one.entry.value, str) and "\n" in one.entry.value)
    return one.entry.sort != "alone" and not over_lines


def _widest(cells: Sequence[str]) -> int:
    return max(map(len, cells), default=0)


def _head(entry: Entry, widths: Sequence[int]) -> str:
    """The cells of an entry, padded where there are widths, and its joint."""
    padded = [cell.ljust(width) for cell, width in zip(entry.cells, widths, strict=False)] if widths else entry.cells
    return " ".join(padded) + entry.joint
