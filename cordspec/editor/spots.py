"""What a syntax tree has at an offset."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from cordspec.diagnostics import Span
from cordspec.editor.fields import ITEM
from cordspec.syntax.nodes import Block, Extends, Field, File, Import, Item, List, Object, Value


@dataclass(frozen=True, slots=True)
class Spot:
    """A word of the text. ``steps`` lead from its block to the field that it names, or whose value it is."""

    sort: Literal["kind", "name", "component", "like", "file", "field", "value"]
    item: Item
    span: Span
    text: str
    steps: tuple[str, ...] = ()


def spot_at(file: File, offset: int) -> Spot | None:
    """The word at an offset, its end included; None between words."""
    item = next((item for item in file.items if _has(item.span, offset)), None)
    match item:
        case None:
            return None
        case Import(path) | Extends(path):
            return Spot("file", item, path.span, path.value) if _has(path.span, offset) else None
        case Block():
            return _in_block(item, offset)
        case _:
            return _in_value(item, item.value, (), offset)


def _in_block(block: Block, offset: int) -> Spot | None:
    if _has(block.kind.span, offset):
        return Spot("kind", block, block.kind.span, block.kind.text)
    if _has(block.name.span, offset):
        return Spot("name", block, block.name.span, block.name.text)
    if block.component is not None and _has(block.component.span, offset):
        return Spot("component", block, block.component.span, block.component.text)
    if block.like is not None and _has(block.like.span, offset):
        return Spot("like", block, block.like.span, block.like.text)
    return _in_fields(block, block.fields, (), offset)


def _in_fields(item: Item, fields: Sequence[Field], steps: tuple[str, ...], offset: int) -> Spot | None:
    for field in fields:
        for at, name in enumerate(field.path.names):
            if _has(name.span, offset):
                inner = tuple(one.text for one in field.path.names[: at + 1])
                return Spot("field", item, name.span, name.text, (*steps, *inner))
        if _has(field.value.span, offset):
            return _in_value(item, field.value, (*steps, *(name.text for name in field.path.names)), offset)
    return None


def _in_value(item: Item, value: Value, steps: tuple[str, ...], offset: int) -> Spot | None:
    if not _has(value.span, offset):
        return None
    match value:
        case List(items):
            found = (_in_value(item, one, (*steps, ITEM), offset) for one in items)
            return next((one for one in found if one is not None), None)
        case Object(fields):
            return _in_fields(item, fields, steps, offset)
        case _:
            return Spot("value", item, value.span, value.span.text, steps)


def _has(span: Span, offset: int) -> bool:
    return span.start <= offset <= span.end
