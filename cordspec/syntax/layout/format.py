"""Text to the same text in the one layout."""

from __future__ import annotations

import re

from cordspec.diagnostics import Diagnostic, Source
from cordspec.errors import SpecError
from cordspec.syntax.layout.checks import check_characters, check_comments, check_final, check_tree, formatter_bug
from cordspec.syntax.layout.lexemes import comments_of, lexemes
from cordspec.syntax.layout.outline import outline
from cordspec.syntax.layout.write import write
from cordspec.syntax.parser import parse


def format_text(source: Source) -> str:
    """The canonical layout of a spec. It depends on nothing but the text.

    Line ends become LF, those within a triple-quoted text too: whether git wrote CRLF on this machine is not the author's
    choice.

    Raises:
        SpecError: the text has syntax errors, or its formatted text would be larger than a spec may be.
        FormatterBug: the result failed one of the checks of `cordspec.syntax.layout.checks`.
    """
    read = Source(source.name, re.sub("\r+\n", "\n", source.text))
    before, diagnostics = parse(read)
    if wrong := _errors(diagnostics):
        raise SpecError(*wrong)
    comments, made = _laid_out(read.text)
    if made == read.text:
        return made  # the checks would compare a text with itself
    after, diagnostics = parse(Source(source.name, made))
    if wrong := _errors(diagnostics):
        if all(diagnostic.code.startswith("E4") for diagnostic in wrong):  # indentation and commas made it too large
            raise SpecError(*wrong)
        raise formatter_bug(read, f"it would be a wrong spec: {wrong[0].message}")
    check_tree(read, before, after)
    comments_after, made_again = _laid_out(made)
    check_comments(read, comments, comments_after)
    check_characters(read, made)
    check_final(read, made, made_again)
    return made


def _laid_out(text: str) -> tuple[list[str], str]:
    """The comments of a text, and the text in its layout."""
    words = lexemes(text)
    return comments_of(words), write(*outline(words))


def _errors(diagnostics: list[Diagnostic]) -> list[Diagnostic]:
    return [diagnostic for diagnostic in diagnostics if diagnostic.severity == "error"]
