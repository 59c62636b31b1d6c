"""The one layout of a document, as an edit that is as small as its lines allow."""

from __future__ import annotations

from cordspec.diagnostics import Source, Span
from cordspec.editor.edits import Edit
from cordspec.errors import CordspecError
from cordspec.syntax.layout import format_text


def formatted(source: Source) -> list[Edit]:
    """What to change; nothing where the text cannot be read, or has its layout. Line ends stay those of the document."""
    try:
        new = format_text(source)
    except CordspecError:  # syntax errors are told by the diagnostics
        return []
    if "\r\n" in source.text:
        new = new.replace("\n", "\r\n")
    before, after = source.text.splitlines(keepends=True), new.splitlines(keepends=True)
    top = _same(before, after)
    bottom = _same(before[top:][::-1], after[top:][::-1])
    old, replaced = before[top : len(before) - bottom], after[top : len(after) - bottom]
    if not old and not replaced:
        return []
    start = sum(map(len, before[:top]))
    return [Edit(Span(source, start, start + sum(map(len, old))), "".join(replaced))]


def _same(one: list[str], other: list[str]) -> int:
    """How many lines agree at the beginning."""
    count = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        count += 1
    return count
