"""Text to syntax tree: limits, lexing, parsing with recovery, building of nodes."""

from __future__ import annotations

import re
import unicodedata
from itertools import islice
from typing import TYPE_CHECKING, Final

from cordspec.diagnostics import Diagnostic, Fix, Source, Span
from cordspec.syntax.build import TreeBuilder
from cordspec.syntax.nodes import File, Hole, Value
from cordspec.syntax.tables import lark

if TYPE_CHECKING:
    from lark import Token, Tree

KINDS: Final = frozenset(
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
LARGEST_FILE: Final = 256 * 1024
"""Characters that a file may have."""
MOST_TOKENS: Final = 30_000
DEEPEST: Final = 64
"""Brackets inside each other."""
DIRECTION = re.compile("[\N{ARABIC LETTER MARK}\u200e\u200f\u202a-\u202e\u2066-\u2069]")
CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


def parse(source: Source) -> tuple[File, list[Diagnostic]]:
    """The syntax tree of a spec and everything that is wrong with its text; never raises for bad input."""
    tokens, found = _lex(source, 0)
    if tokens is None:  # anything may have been in it
        return File(None, (), Span(source, 0, 0), lost_kinds=KINDS), found
    builder = TreeBuilder(source)
    tree, lost = _tree(source, tokens, "start", KINDS, found)
    file = builder.file(tree, lost)
    found += builder.diagnostics
    if file.edition is not None and file.edition.value != 1 and not lost:
        fix = Fix("write `1`", file.edition.span, "1")
        found.append(
            Diagnostic(
                "E005",
                f"edition {file.edition.span.text} of the language is not known",
                file.edition.span,
                "this cordspec reads edition 1",
                help="write `cord 1`, or install a newer cordspec",
                fixes=(fix,),
            )
        )
    return file, found


def parse_value(source: Source, start: int = 0) -> tuple[Value, list[Diagnostic]]:
    """A single value, as in ``--set PATH=VALUE``; it begins at character ``start`` of the source."""
    whole = Span(source, start, len(source.text))
    tokens, found = _lex(source, start)
    if tokens is None:
        return Hole(whole), found
    builder = TreeBuilder(source)
    tree, _ = _tree(source, tokens, "setting", frozenset(), found)
    value = builder.value(tree.children[0]) if tree is not None and tree.children else Hole(whole)
    return value, found + builder.diagnostics


def _lex(source: Source, start: int) -> tuple[list[Token] | None, list[Diagnostic]]:
    """The tokens from a place on; None where a limit is passed."""
    refused = _limits(source)
    if refused:
        return None, refused
    tokens = list(islice(lark().lex(" " * start + source.text[start:]), MOST_TOKENS + 1))
    if len(tokens) > MOST_TOKENS:
        message = f"more than {MOST_TOKENS:,} words and signs"
        return None, [Diagnostic("E405", message, Span(source, 0, 0), help="split the file with `import` or `extends`")]
    refused = _nesting(source, tokens)
    return (None, refused) if refused else (tokens, _unnormalised(source))


def _tree(
    source: Source, tokens: list[Token], start: str, kinds: frozenset[str], found: list[Diagnostic]
) -> tuple[Tree[Token] | None, set[str]]:
    """The tree, mended where the text does not parse, and the names that were lost in mending it."""
    if not any(token.type == "UNKNOWN" for token in tokens):
        tree = _parsed(tokens, start)
        if tree is not None:
            return tree, set()
    from cordspec.syntax.automaton import Automaton
    from cordspec.syntax.habits import read_habits
    from cordspec.syntax.recovery import Recovery

    tokens, habits, told = read_habits(source, tokens)
    recovery = Recovery(Automaton(lark(), start), tokens, source, kinds)
    mended = recovery.run()
    found += habits
    found += [one for one in recovery.diagnostics if one.span is None or one.span.line not in told]
    return (_parsed(mended, start) if mended is not None else None), recovery.lost | {""}


def _parsed(tokens: list[Token], start: str) -> Tree[Token] | None:
    from lark import Tree, UnexpectedToken

    parser = lark().parse_interactive("", start=start)
    try:
        for token in tokens:
            parser.feed_token(token)
        tree = parser.feed_eof(tokens[-1]) if tokens else parser.feed_eof()
    except UnexpectedToken:
        return None
    return tree if isinstance(tree, Tree) else None


def _limits(source: Source) -> list[Diagnostic]:
    text = source.text
    if len(text) > LARGEST_FILE:
        message = f"the file has {len(text):,} characters; the limit is {LARGEST_FILE:,}"
        return [Diagnostic("E401", message, Span(source, 0, 0), help="split it with `import` or `extends`")]
    if control := CONTROL.search(text):
        span = Span(source, *control.span())
        name = "a NUL" if control.group() == "\0" else f"the control character U+{ord(control.group()):04X}"
        return [Diagnostic("E006", f"the text holds {name}", span, "remove it", fixes=(Fix("remove it", span, ""),))]
    if turned := DIRECTION.search(text):
        span = Span(source, *turned.span())
        name = unicodedata.name(turned.group()).lower()
        message = f"the text holds {name}, which shows it in another order than it is read"
        return [Diagnostic("E008", message, span, "remove it", fixes=(Fix("remove it", span, ""),))]
    return []


def _unnormalised(source: Source) -> list[Diagnostic]:
    """Two texts that look alike may differ; the normal form is the one that everybody else writes."""
    text = source.text
    if text.isascii() or unicodedata.is_normalized("NFC", text):
        return []
    for number in range(1, text.count("\n") + 2):
        line = source.line(number)
        if not unicodedata.is_normalized("NFC", line):
            start = source.start_of(number)
            span = Span(source, start, start + len(line))
            fix = Fix("write it in normal form", span, unicodedata.normalize("NFC", line))
            message = "this line is not in Unicode's normal form NFC"
            return [Diagnostic("W008", message, span, "texts that look the same may differ", fixes=(fix,))]
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
