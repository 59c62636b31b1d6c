"""What a document consists of, for a list beside it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cordspec.diagnostics import Span
from cordspec.editor.analysis import Analysis
from cordspec.syntax.nodes import Block, Extends, Import, Let


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the list: ``kind`` is that of the block, or ``import``, ``extends`` or ``let``."""

    name: str
    kind: str
    detail: str
    span: Span
    name_span: Span


def outline(analysis: Analysis) -> list[Entry]:
    """The blocks, constants and imports of a document, in their order."""
    return list(_entries(analysis))


def _entries(analysis: Analysis) -> Iterator[Entry]:
    for item in analysis.file.items:
        match item:
            case Block(kind, name, component, like):
                origin = f" : {component.text}" if component else f" like {like.text}" if like else ""
                yield Entry(name.text, kind.text, f"{kind.text}{origin}", item.span, name.span)
            case Let(name, value):
                yield Entry(name.text, "let", " ".join(value.span.text.split()), item.span, name.span)
            case Import(path, alias):
                yield Entry(alias.text or path.value, "import", path.value, item.span, alias.span)
            case Extends(path):
                yield Entry(path.value or "extends", "extends", "extends", item.span, path.span)
