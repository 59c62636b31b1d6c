"""Entries to text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cordspec.syntax.layout.columns import Placed, place
from cordspec.syntax.layout.lexemes import Comment
from cordspec.syntax.layout.nodes import CLOSING, WIDEST, Entry, Group

INDENT = "  "


def write(entries: Sequence[Entry], last: Sequence[Comment]) -> str:
    """The text of a file, given its items and the comments after them."""
    return "".join(f"{line}\n" for line in _lines(entries, last, "", ""))


def _lines(entries: Sequence[Entry], last: Sequence[Comment], indent: str, comma: str) -> Iterator[str]:
    """The lines inside a group, or of the file; none of them is blank at its beginning or end."""
    first = True
    for placed in place(entries, WIDEST - len(indent) - len(comma)):
        entry = placed.entry
        for comment in entry.above:
            yield from _comment(comment, indent, first)
            first = False
        if entry.after_blank and not first:
            yield ""
        yield from _entry(placed, indent, comma)
        first = False
    for comment in last:
        yield from _comment(comment, indent, first)
        first = False


def _comment(comment: Comment, indent: str, first: bool) -> Iterator[str]:
    if comment.after_blank and not first:
        yield ""
    yield indent + comment.text


def _entry(placed: Placed, indent: str, comma: str) -> Iterator[str]:
    value = placed.entry.value
    start = indent + placed.head
    if isinstance(value, Group) and placed.expanded:
        yield _with_remark(start + value.bracket, value.remark)
        yield from _lines(value.entries, value.last, indent + INDENT, "," if value.bracket == "[" else "")
        end = indent + CLOSING[value.bracket]
    else:
        end = f"{start}{value.flat if isinstance(value, Group) else value}"
    yield _with_remark(end + comma, placed.entry.remark)


def _with_remark(line: str, remark: str) -> str:
    return f"{line}  {remark}" if remark else line
