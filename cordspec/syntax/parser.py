"""Text to syntax tree: lex, parse with recovery, build nodes."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from cordspec.diagnostics import Diagnostic, Source, Span
from cordspec.syntax.build import TreeBuilder
from cordspec.syntax.nodes import File, Hole, Value
from cordspec.syntax.recovery import DEEPEST, Recovery

if TYPE_CHECKING:
    from lark import Lark, Token

KINDS = frozenset(
    [
        "experiment",
        "problems",
        "model",
        "pool",
        "segmenter",
        "scorer",
        "search",
        "decode",
        "student",
        "eval",
        "sweep",
        "import",
        "extends",
        "let",
    ]
)
LARGEST_FILE = 256 * 1024
"""Characters that a file may have."""


@cache
def _lark(start: str) -> Lark:
    from lark import Lark

    grammar = files("cordspec.syntax").joinpath("grammar.lark").read_text(encoding="utf-8")
    return Lark(grammar, start=start, parser="lalr", lexer="basic", propagate_positions=True, maybe_placeholders=True)


def parse(source: Source) -> tuple[File, list[Diagnostic]]:
    """The syntax tree of a spec and everything that is wrong with its text; never raises for bad input."""
    refused = _limits(source)
    if refused:
        return File(None, (), Span(source, 0, 0)), refused
    lark = _lark("start")
    tokens = list(lark.lex(source.text))
    refused = _nesting(source, tokens)
    if refused:
        return File(None, (), Span(source, 0, 0)), refused
    recovery = Recovery(lark.parse_interactive(""), tokens, source, KINDS)
    tree = recovery.run()
    builder = TreeBuilder(source)
    file = builder.file(tree)
    found = recovery.diagnostics + builder.diagnostics
    if file.edition is not None and file.edition.value != 1 and not recovery.diagnostics:
        found.append(
            Diagnostic(
                "E005",
                f"edition {file.edition.span.text} of the language is not known",
                file.edition.span,
                "this cordspec reads edition 1",
                help="write `cord 1`, or install a newer cordspec",
            )
        )
    return file, found


def parse_value(source: Source, start: int = 0) -> tuple[Value, list[Diagnostic]]:
    """A single value, as in ``--set PATH=VALUE``; it begins at character ``start`` of the source."""
    whole = Span(source, start, len(source.text))
    refused = _limits(source)
    lark = _lark("setting")
    tokens = list(lark.lex(" " * start + source.text[start:])) if not refused else []
    refused = refused or _nesting(source, tokens)
    if refused:
        return Hole(whole), refused
    recovery = Recovery(lark.parse_interactive(""), tokens, source, frozenset())
    tree = recovery.run()
    builder = TreeBuilder(source)
    value = builder.value(tree.children[0]) if tree is not None and tree.children else Hole(whole)
    return value, recovery.diagnostics + builder.diagnostics


def _limits(source: Source) -> list[Diagnostic]:
    if len(source.text) > LARGEST_FILE:
        message = f"the file has {len(source.text):,} characters; the limit is {LARGEST_FILE:,}"
        return [Diagnostic("E401", message, Span(source, 0, 0), help="split it with `import` or `extends`")]
    at = source.text.find("\x00")
    if at >= 0:
        return [Diagnostic("E006", "the file holds a NUL character", Span(source, at, at + 1), "this is not text")]
    return []


def _nesting(source: Source, tokens: list[Token]) -> list[Diagnostic]:
    depth = 0
    for token in tokens:
        depth += {"LBRACE": 1, "LSQB": 1, "RBRACE": -1, "RSQB": -1}.get(token.type, 0)
        if depth > DEEPEST:
            start = token.start_pos or 0
            message = f"brackets are nested more than {DEEPEST} deep"
            return [Diagnostic("E402", message, Span(source, start, start + 1), "this one is too deep")]
    return []
