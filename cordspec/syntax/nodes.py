"""The syntax tree: frozen nodes, each with the span of what the user wrote.

Most are named tuples: Python makes their classes faster than dataclasses, and `cordspec validate` makes few other things.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from cordspec.diagnostics import Span


class Name(NamedTuple):
    text: str
    span: Span


class Path(NamedTuple):
    """A dotted name: a reference, an enum member, a plugin, a ``let``, or the place of a setting."""

    names: tuple[Name, ...]
    span: Span

    @property
    def text(self) -> str:
        return ".".join(name.text for name in self.names)


class Text(NamedTuple):
    value: str
    span: Span


class Bool(NamedTuple):
    value: bool
    span: Span


class Number(NamedTuple):
    """A number with its unit, ``""`` for none. ``whole`` says that it was written without a fraction or an exponent."""

    value: float
    """An ``int`` where ``whole``, so that large seeds are exact."""
    unit: str
    whole: bool
    span: Span


class Range(NamedTuple):
    low: Number
    high: Number
    span: Span


class List(NamedTuple):
    items: tuple[Value, ...]
    span: Span


class Object(NamedTuple):
    fields: tuple[Field, ...]
    span: Span


class Hole(NamedTuple):
    """A place where the text was wrong. It has been reported; nothing more is said about it."""

    span: Span


Value = Text | Bool | Number | Range | Path | List | Object | Hole


class Field(NamedTuple):
    path: Path
    value: Value
    span: Span


@dataclass(frozen=True, slots=True)
class Block:
    """``kind name : component { ... }`` or ``kind name like other { ... }``; ``doc`` holds its ``##`` lines."""

    kind: Name
    name: Name
    component: Path | None
    like: Path | None
    fields: tuple[Field, ...]
    doc: str
    span: Span


class Import(NamedTuple):
    path: Text
    alias: Name
    span: Span


class Extends(NamedTuple):
    path: Text
    span: Span


class Let(NamedTuple):
    name: Name
    value: Value
    span: Span


Item = Import | Extends | Let | Block


@dataclass(frozen=True, slots=True)
class File:
    """A parsed file: its edition and its items in order. Broken parts are missing or hold a `Hole`.

    ``lost`` and ``lost_kinds`` say which names, and blocks of which kinds, may have been in the broken parts.
    """

    edition: Number | None
    items: Sequence[Item]
    span: Span
    lost: frozenset[str] = frozenset()
    lost_kinds: frozenset[str] = frozenset()
