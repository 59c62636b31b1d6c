"""What the formatter proves about every single result before anybody sees it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from cordspec.diagnostics import Diagnostic, Source, Span
from cordspec.errors import CordspecError
from cordspec.syntax.layout.lexemes import BETWEEN
from cordspec.syntax.nodes import Block, Bool, File, Number, Text


class FormatterBug(CordspecError):
    """The result is not the same spec in the one layout. Nobody's file is at fault, and no file may be written."""


def check_comments(source: Source, given: list[str], made: list[str]) -> None:
    """Every comment is there, as it was written and in its order.

    Raises:
        FormatterBug: a comment is not.
    """
    if given != made:
        raise formatter_bug(source, "a comment would be lost, changed or moved past another")


def check_characters(source: Source, made: str) -> None:
    """Nothing that can be seen has gone or come, commas apart. This knows nothing of words and comments, so that it also
    finds what was lost in reading them.

    Raises:
        FormatterBug: something has.
    """
    if _seen(source.text) != _seen(made):
        raise formatter_bug(source, "characters would be lost or put in")


def check_tree(source: Source, given: File, made: File) -> None:
    """The syntax trees are the same apart from positions, and so are the descriptions of all blocks.

    Raises:
        FormatterBug: they differ.
    """
    if _shape(given) != _shape(made):
        raise formatter_bug(source, "the settings would not be the same")
    if _descriptions(given) != _descriptions(made):
        raise formatter_bug(source, "the `##` lines would describe other blocks")


def check_final(source: Source, made: str, made_again: str) -> None:
    """Formatting the result again changes nothing.

    Raises:
        FormatterBug: it does.
    """
    if made != made_again:
        raise formatter_bug(source, "formatting the result again would change it again")


def formatter_bug(source: Source, reason: str) -> FormatterBug:
    """The error for a result that must not be used."""
    message = "the formatter would have changed more than the layout; the file was left as it is"
    help = "this is a bug in cordspec; please report it with the file"
    return FormatterBug(Diagnostic("E902", message, Span(source, 0, 0), reason, help=help))


def _seen(text: str) -> Counter[str]:
    characters = Counter(text)
    for character in f"{BETWEEN},":
        del characters[character]
    return characters


def _shape(node: object) -> object:
    """A node without its positions. Values are compared as they are written: `1_000` is not `1000`."""
    if isinstance(node, (Number, Text, Bool)):
        return type(node), node.span.text
    names: Sequence[str] = getattr(node, "_fields", ()) or getattr(node, "__slots__", ())
    if isinstance(node, (tuple, list)) and not names:
        return [_shape(one) for one in node]
    parts = [name for name in names if name not in ("span", "doc")]
    return type(node), [_shape(getattr(node, name)) for name in parts] or node


def _descriptions(file: File) -> list[list[str]]:
    """For each block the ``##`` lines directly above it, below whatever item comes before it."""
    found: list[list[str]] = []
    end = file.edition.span.end if file.edition else 0
    for item in file.items:
        if isinstance(item, Block):
            between = item.span.source.text[end : item.span.start].split("\n")
            found.append(_description(between[1:-1]))
        end = item.span.end
    return found


def _description(between: list[str]) -> list[str]:
    """The last of the lines between two items, as long as they are ``##`` lines."""
    lines: list[str] = []
    for line in reversed(between):
        comment = line.strip(BETWEEN)
        if not comment.startswith("##"):
            break
        lines.append(comment.rstrip())
    return lines
