"""Nodes and diagnostics of a part of a text, as those of the whole text.

After a keystroke most of a file is not read again, but all of it is moved, so this is where the time goes: spans are made
in place, and the span of a path of one name is that of the name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from cordspec.diagnostics import Diagnostic, Source, Span
from cordspec.syntax.nodes import (
    Block,
    Bool,
    Extends,
    Field,
    Hole,
    Import,
    Item,
    Let,
    List,
    Name,
    Number,
    Object,
    Path,
    Range,
    Text,
    Value,
)


class Mover:
    """Moves what was read as a text of its own to where it stands in another source."""

    def __init__(self, source: Source, by: int) -> None:
        self._source = source
        self._by = by

    def item(self, item: Item) -> Item:
        span = self.span(item.span)
        match item:
            case Block(kind, name, component, like, fields, doc):
                origin = self.path(component) if component else None
                model = self.path(like) if like else None
                return Block(self.name(kind), self.name(name), origin, model, self.fields(fields), doc, span)
            case Let(name, value):
                return Let(self.name(name), self.value(value), span)
            case Import(path, alias):
                return Import(Text(path.value, self.span(path.span)), self.name(alias), span)
            case Extends(path):
                return Extends(Text(path.value, self.span(path.span)), span)

    def fields(self, fields: Sequence[Field]) -> tuple[Field, ...]:
        source, by = self._source, self._by
        return tuple([
            Field(self.path(one.path), self.value(one.value), Span(source, one.span.start + by, one.span.end + by))
            for one in fields
        ])  # fmt: skip

    def value(self, value: Value) -> Value:
        match value:
            case Path():
                return self.path(value)
            case Number():
                return self.number(value)
            case Text(text, span):
                return Text(text, self.span(span))
            case Bool(truth, span):
                return Bool(truth, self.span(span))
            case List(items, span):
                return List(tuple([self.value(item) for item in items]), self.span(span))
            case Object(fields, span):
                return Object(self.fields(fields), self.span(span))
            case Range(low, high, span):
                return Range(self.number(low), self.number(high), self.span(span))
            case Hole(span):
                return Hole(self.span(span))

    def number(self, number: Number) -> Number:
        return Number(number.value, number.unit, number.whole, self.span(number.span))

    def path(self, path: Path) -> Path:
        if len(path.names) == 1:
            name = self.name(path.names[0])
            return Path((name,), name.span)
        return Path(tuple([self.name(name) for name in path.names]), self.span(path.span))

    def name(self, name: Name) -> Name:
        span, by = name.span, self._by
        return Name(name.text, Span(self._source, span.start + by, span.end + by))

    def span(self, span: Span) -> Span:
        return Span(self._source, span.start + self._by, span.end + self._by)

    def diagnostic(self, found: Diagnostic) -> Diagnostic:
        return replace(
            found,
            span=self.span(found.span) if found.span else None,
            related=tuple(replace(label, span=self.span(label.span)) for label in found.related),
            fixes=tuple(replace(fix, span=self.span(fix.span)) for fix in found.fixes),
        )
