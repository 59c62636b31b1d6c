"""Diagnostics as text for people, one line for editors, JSON for machines, annotations for GitHub."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Sequence
from typing import Final, Literal, get_args

from cordspec.diagnostics.diagnostic import Diagnostic, Label
from cordspec.diagnostics.source import Span

Format = Literal["text", "concise", "json", "sarif", "github"]
FORMATS: Final[tuple[Format, ...]] = get_args(Format)
JSON_VERSION = "1.0"
ACTING: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
"""Unicode categories of what is not shown but obeyed: controls, direction marks, lone surrogates, private use, line ends."""


def render(diagnostics: Sequence[Diagnostic], format: Format) -> str:
    """All diagnostics in one format, sorted by place; without a final line break."""
    ordered = sorted(diagnostics, key=lambda diagnostic: diagnostic.order)
    if format == "json":
        return json.dumps(as_json(ordered), indent=2)
    if format == "sarif":
        from importlib.metadata import version

        from cordspec.diagnostics.sarif import as_sarif

        return json.dumps(as_sarif(ordered, version("cordspec")), indent=2)
    one = {"text": _text, "concise": _concise, "github": _github}[format]
    separator = "\n\n" if format == "text" else "\n"
    return separator.join(one(diagnostic) for diagnostic in ordered)


def visible(text: str) -> str:
    """The text with control and direction characters shown as escapes, so that it cannot act on a terminal."""
    return "".join(
        character if unicodedata.category(character) not in ACTING else f"\\u{{{ord(character):x}}}"
        for character in text.replace("\t", "    ")
    )


def _text(diagnostic: Diagnostic) -> str:
    lines = [f"{diagnostic.severity}[{diagnostic.code}]: {visible(diagnostic.message)}"]
    if diagnostic.span is not None:
        lines += _excerpts(diagnostic, diagnostic.span)
    lines.append(f"  = help: {visible(diagnostic.help or f'cordspec explain {diagnostic.code}')}")
    return "\n".join(lines)


def _excerpts(diagnostic: Diagnostic, span: Span) -> list[str]:
    marks = [(Label(span, diagnostic.label), "^"), *((label, "-") for label in diagnostic.related)]
    here = [mark for mark in marks if mark[0].span.source.name == span.source.name]
    elsewhere = [mark for mark in marks if mark[0].span.source.name != span.source.name]
    width = len(str(max(mark[0].span.line for mark in marks)))
    lines = [f"{' ' * width}--> {visible(str(span))}", f"{' ' * width} |"]
    for label, sign in sorted(here, key=lambda mark: mark[0].span.start):
        lines += _excerpt(label, sign, width)
    for label, sign in elsewhere:
        lines += [f"{' ' * width}::: {visible(str(label.span))}", *_excerpt(label, sign, width)]
    return lines


_WIDEST = 160


def _excerpt(label: Label, sign: str, width: int) -> list[str]:
    span = label.span
    whole = span.source.line(span.line)
    first = max(0, span.column - 1 - _WIDEST // 2) if len(whole) > _WIDEST else 0
    line, column = whole[first : first + _WIDEST], span.column - 1 - first
    length = max(1, min(span.end - span.start, len(line) - column))
    indent = " " * len(visible(line[:column]))
    marker = sign * max(1, len(visible(line[column : column + length])))
    return [
        f"{span.line:>{width}} | {visible(line)}".rstrip(),
        f"{' ' * width} | {indent}{marker} {visible(label.text)}".rstrip(),
    ]


def _concise(diagnostic: Diagnostic) -> str:
    place = f"{visible(str(diagnostic.span))}: " if diagnostic.span else ""
    if place.startswith(("::", "##[")):  # a CI runner would take it for a command
        place = f"./{place}"
    hint = f" ({visible(diagnostic.label)})" if diagnostic.label else ""
    return f"{place}{diagnostic.severity}[{diagnostic.code}]: {visible(diagnostic.message)}{hint}"


def _github(diagnostic: Diagnostic) -> str:
    def escaped(text: str, also: str = "") -> str:
        for character in "%\r\n" + also:
            text = text.replace(character, f"%{ord(character):02X}")
        return text

    place = ""
    if diagnostic.span:
        span = diagnostic.span
        end_line, end_column = span.source.position(span.end)
        place = f"file={escaped(span.source.name, ':,')},line={span.line},endLine={end_line},"
        place += f"col={span.column},endColumn={end_column},"
    said = diagnostic.message + "".join(f"\n{extra}" for extra in (diagnostic.label, diagnostic.help) if extra)
    return f"::{diagnostic.severity} {place}title=cordspec {diagnostic.code}::{escaped(said)}"


def as_json(diagnostics: Sequence[Diagnostic]) -> dict[str, object]:
    """The versioned JSON form: ``valid``, counts and every diagnostic with ranges, related places and fixes."""
    return {
        "format_version": JSON_VERSION,
        "valid": all(diagnostic.severity != "error" for diagnostic in diagnostics),
        "error_count": sum(diagnostic.severity == "error" for diagnostic in diagnostics),
        "warning_count": sum(diagnostic.severity == "warning" for diagnostic in diagnostics),
        "diagnostics": [
            {
                "severity": diagnostic.severity,
                "code": diagnostic.code,
                "message": diagnostic.message,
                "label": diagnostic.label,
                "help": diagnostic.help,
                "range": _range(diagnostic.span),
                "related": [{"range": _range(label.span), "message": label.text} for label in diagnostic.related],
                "fixes": [
                    {"title": fix.title, "range": _range(fix.span), "new_text": fix.replacement}
                    for fix in diagnostic.fixes
                ],
            }
            for diagnostic in diagnostics
        ],
    }


def _range(span: Span | None) -> dict[str, object] | None:
    if span is None:
        return None

    def point(offset: int) -> dict[str, int]:
        line, column = span.source.position(offset)
        return {"line": line, "column": column, "offset": offset}

    return {"file": span.source.name, "start": point(span.start), "end": point(span.end)}
