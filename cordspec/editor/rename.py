"""Another name for a block, a constant or an import, wherever it is named."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final

from cordspec.diagnostics import Span
from cordspec.editor.analysis import Analysis
from cordspec.editor.edits import Edit
from cordspec.editor.occurrences import Symbol
from cordspec.editor.references import Named, named_at
from cordspec.syntax.build import LONGEST_NAME
from cordspec.syntax.parser import KINDS

NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
KEYWORDS: Final = frozenset(["cord", "like", "as", "true", "false"])


class RenameRefused(Exception):
    """A name that cannot be given, or something that cannot be renamed; says why."""


def renamed_at(analyses: Sequence[Analysis], offset: int) -> Span:
    """The name at an offset of the first document.

    Raises:
        RenameRefused: what is there has its name from cordspec or a plugin, or from nobody.
    """
    here = analyses[0].occurrences_at(offset)
    if not here:
        raise RenameRefused("only blocks, `let` constants and imports can be renamed")
    return here[0].span


def rename(analyses: Sequence[Analysis], offset: int, new: str, is_ours: Callable[[str], bool]) -> list[Edit]:
    """The edits that give what is at an offset of the first document another name.

    ``is_ours`` says of the name of a file whether it may be changed.

    Raises:
        RenameRefused: the name is none, is taken, or something in a file that may not be changed has it; or there are
            mistakes that may hide places that have it.
    """
    renamed_at(analyses, offset)
    named = named_at(analyses, offset)
    assert named is not None
    _check_word(new)
    for analysis, symbol in named.symbols:
        _check_free(analysis, symbol, new)
        _check_sure(analysis, named.occurrences[0].span.text)
    _check_files(named, is_ours)
    return [Edit(one.span, new) for one in named.occurrences if one.span.text != new]


def _check_word(new: str) -> None:
    if not NAME.fullmatch(new) or len(new) > LONGEST_NAME:
        raise RenameRefused(f"`{new}` is no name: a name is made of letters, digits and `_`, and begins with no digit")
    if new in KINDS:
        raise RenameRefused(f"`{new}` is a word that begins a block or a line")
    if new in KEYWORDS:
        raise RenameRefused(f"`{new}` is a word of the language")


def _check_free(analysis: Analysis, symbol: Symbol, new: str) -> None:
    """The new name must mean nothing yet where the old one is known."""
    outer = symbol.name.rstrip(".").rpartition(".")[0]
    full = f"{outer}.{new}" if outer else new
    for one in analysis.occurrences:
        if one.defines and one.symbol != symbol and one.symbol.name.rstrip(".") == full:
            sort = analysis.composition.blocks[full].kind if one.symbol.sort == "block" else one.symbol.sort
            place = f"{one.span.source.name}:{one.span.line}"
            raise RenameRefused(f"the name `{full}` is taken, by a {sort} at {place}")


def _check_sure(analysis: Analysis, old: str) -> None:
    """No place may be overlooked because it could not be read."""
    for one in analysis.loaded:
        if one.file.lost:
            name = one.file.span.source.name
            raise RenameRefused(f"{name} has mistakes that may hide places where `{old}` is named; mend them first")
    for path in analysis.names.doubtful:
        if old in (name.text for name in path.names):
            place = f"{path.span.source.name}:{path.span.line}"
            raise RenameRefused(f"it is not known whether `{path.text}` at {place} means it; mend or remove it first")


def _check_files(named: Named, is_ours: Callable[[str], bool]) -> None:
    for one in (*named.definitions, *named.occurrences):
        if not is_ours(one.span.source.name):
            does = "is defined in" if one.defines else "is named in"
            raise RenameRefused(f"`{one.span.text}` {does} {one.span.source.name}, which is outside of the workspace")
