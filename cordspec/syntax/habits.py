"""Habits from other languages that the lexer trips over, each told once with its fix, and read as what was meant."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from typing import Final

from lark import Token

from cordspec.diagnostics import Diagnostic, Fix, Source, Span

QUOTES: Final = {"'": "'", "\N{LEFT DOUBLE QUOTATION MARK}": "\N{RIGHT DOUBLE QUOTATION MARK}", "`": "`", '"': ""}
"""Marks that do not quote here, with those that close them; a lone `"` is never closed."""

DASH: Final = "a list is written in brackets, with commas"


def read_habits(source: Source, tokens: Sequence[Token]) -> tuple[list[Token], list[Diagnostic], set[int]]:
    """The tokens as they were meant, what was wrong with them, and the lines on which something was."""
    found: list[Diagnostic] = []
    meant = list(_read(source, tokens, found))
    lines = {diagnostic.span.line for diagnostic in found if diagnostic.span}
    dashes = [one for one in found if one.message == DASH]
    return meant, [one for one in found if one.message != DASH or one is dashes[0]], lines


def _read(source: Source, tokens: Sequence[Token], found: list[Diagnostic]) -> Iterator[Token]:
    done = 0
    for at, token in enumerate(tokens):
        start = token.start_pos or 0
        if start < done:
            continue
        done = 0
        if token.type != "UNKNOWN":
            yield token
        elif str(token) == "/" and source.text.startswith("//", start):
            done = _end_of_line(source, start)
            _tell(
                found, Span(source, start, start + 2), "`//` does not begin a comment", "comments begin with `#`", "#"
            )
        elif str(token) in QUOTES:
            text, done = _quoted(source, token, found)
            yield Token.new_borrow_pos("STRING", f'"{text}"', token)
        elif str(token) == "-" and not source.line(token.line or 1)[: (token.column or 1) - 1].strip():
            _tell(found, Span(source, start, start + 1), DASH, "such as `[a, b]`")
        elif str(token) == ";":
            _tell(found, Span(source, start, start + 1), "a `;` ends nothing here", "remove it", "")
        elif at and tokens[at - 1].type == "UNKNOWN" and tokens[at - 1].end_pos == start:
            continue  # more of the same
        else:
            said = "" if str(token).isascii() else f" ({unicodedata.name(str(token), 'unnamed').capitalize()})"
            message = f"unexpected character `{token}`{said}"
            _tell(found, Span(source, start, start + 1), message, "not part of the language", "")
            yield token


def _quoted(source: Source, token: Token, found: list[Diagnostic]) -> tuple[str, int]:
    """What stands from a wrong quotation mark to the one that closes it, or to the end of its line, and where that ends."""
    start = token.start_pos or 0
    line = source.text[start : _end_of_line(source, start)]
    closing = QUOTES[str(token)]
    end = line.find(closing, 1) if closing else -1
    if end < 0:
        _tell(found, Span(source, start, start + len(line.rstrip())), "the text is never closed", 'it ends with a `"`')
        return _escaped(line[1:].rstrip()), start + len(line)
    span = Span(source, start, start + end + 1)
    inside = _escaped(line[1:end])
    _tell(found, span, "a text is in straight double quotes", f'write `"{inside}"`', f'"{inside}"')
    return inside, start + end + 1


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _end_of_line(source: Source, offset: int) -> int:
    end = source.text.find("\n", offset)
    return len(source.text) if end < 0 else end


def _tell(found: list[Diagnostic], span: Span, message: str, label: str, fix: str | None = None) -> None:
    sure = bool(fix) or span.text == ";"
    fixes = (Fix(label if fix else "remove it", span, fix, sure),) if fix is not None else ()
    found.append(Diagnostic("E002", message, span, label, fixes=fixes))
