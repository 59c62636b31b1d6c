"""Colours for `.cord` in everything that uses Pygments: terminals, Sphinx, MkDocs, notebooks, reports.

The states follow the grammar closely enough to tell a field from a value, and a block that is not closed ends where the next
one begins. No pattern looks ahead over more than blanks, so that the time is linear in the length of any text.
"""

from __future__ import annotations

import re
from typing import Any, ClassVar, Final

from pygments.lexer import RegexLexer, bygroups, default, include, words
from pygments.token import Comment, Error, Keyword, Name, Number, Operator, Punctuation, String, Whitespace

from cordspec.syntax.parser import KINDS

LANGUAGE_WORDS: Final = ("as", "cord", "extends", "import", "let", "like")
"""The grammar reserves them everywhere; a kind of block may also be the name of a block or a field."""
BLOCK_KINDS: Final = tuple(sorted(KINDS.difference(LANGUAGE_WORDS)))

_NAME: Final = r"[A-Za-z_][A-Za-z0-9_]*"
_ENDS: Final = r"(?![A-Za-z0-9_])"
_BLANK: Final = r"[ \t\r\n\uFEFF]*"
_HEADS_A_BLOCK: Final = rf"{_ENDS}(?!{_BLANK}[=.])"  # `model = adder` is a field
_INTEGER: Final = r"[+-]?\d+(?:_\d+)*"
_UNIT: Final = r"(?![eE][+-]?\d)([A-Za-z%]+)"
_ESCAPE: Final = r"\\(?:x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|N\{[^}\"\n]{1,99}\}|[0-7]{1,3}|[^xuUN\n])"


def _names_after_dots(token: Any) -> list[Any]:
    """The rest of a dotted name."""
    return [
        (rf"({_BLANK})(\.)({_BLANK})({_NAME})", bygroups(Whitespace, Punctuation, Whitespace, token)),
        default("#pop"),
    ]


class CordLexer(RegexLexer):  # type: ignore[misc]  # Pygments has no types
    """Pygments lexer of the cord language."""

    name = "cord"
    aliases: ClassVar[list[str]] = ["cord", "cordspec"]
    filenames: ClassVar[list[str]] = ["*.cord"]
    flags = re.MULTILINE

    tokens: ClassVar[dict[str, list[Any]]] = {
        "root": [
            include("blank"),
            (words(BLOCK_KINDS, suffix=_HEADS_A_BLOCK), Keyword.Declaration, "head"),
            (rf"(?:cord|import|extends){_ENDS}", Keyword.Namespace),
            (rf"as{_ENDS}", Keyword.Namespace, "alias"),
            (rf"let{_ENDS}", Keyword.Declaration, "let"),
            (r"=", Operator, "value"),
            (r"[\]},:.]", Error),
            default("value"),
        ],
        "blank": [
            (r"^([ \t]*)(##[^\n]*)", bygroups(Whitespace, String.Doc)),
            (r"[ \t\r\uFEFF]+|\n", Whitespace),
            (r"#[^\n]*", Comment.Single),
        ],
        "next block": [
            (rf"(?=^(?:{'|'.join(sorted(KINDS))}){_HEADS_A_BLOCK})", bygroups(), "#pop"),
        ],
        "reserved": [
            (words(LANGUAGE_WORDS, suffix=_ENDS), Keyword.Reserved),
        ],
        "alias": [
            include("blank"),
            (_NAME, Name.Namespace, "#pop"),
            default("#pop"),
        ],
        "let": [
            include("blank"),
            (_NAME, Name.Constant, "#pop"),
            default("#pop"),
        ],
        "head": [
            include("blank"),
            include("next block"),
            (r":", Punctuation, "component"),
            (rf"like{_ENDS}", Keyword, "original"),
            (r"\{", Punctuation, ("#pop", "fields")),
            include("reserved"),
            (_NAME, Name.Function),
            default("#pop"),
        ],
        "component": [
            include("blank"),
            (_NAME, Name.Class, ("#pop", "more of component")),
            default("#pop"),
        ],
        "more of component": _names_after_dots(Name.Class),
        "original": [
            include("blank"),
            (_NAME, Name.Function, ("#pop", "more of original")),
            default("#pop"),
        ],
        "more of original": _names_after_dots(Name.Function),
        "fields": [
            include("blank"),
            include("next block"),
            (r"\}", Punctuation, "#pop"),
            (r"=", Operator, "value"),
            (r"[,.]", Punctuation),
            (r"[\]:]", Error),
            include("reserved"),
            (_NAME, Name.Attribute),
            default("value"),
        ],
        "value": [
            include("blank"),
            include("next block"),
            (r"(?=[\]},=:])", bygroups(), "#pop"),  # no value here
            (r'"""', String.Heredoc, ("#pop", "text")),
            (r'"', String.Double, ("#pop", "string")),
            (r"\[", Punctuation, ("#pop", "list")),
            (r"\{", Punctuation, ("#pop", "fields")),
            (rf"(?:true|false){_ENDS}", Keyword.Constant, "#pop"),
            include("reserved"),
            (_NAME, Name, ("#pop", "more of path")),
            (rf"({_INTEGER}\.\d+){_UNIT}", bygroups(Number.Float, Keyword.Type), ("#pop", "range")),
            (rf"({_INTEGER}){_UNIT}", bygroups(Number.Integer, Keyword.Type), ("#pop", "range")),
            (rf"{_INTEGER}(?:\.\d+(?:[eE][+-]?\d+)?|[eE][+-]?\d+)", Number.Float, ("#pop", "range")),
            (_INTEGER, Number.Integer, ("#pop", "range")),
            (r".", Error, "#pop"),
        ],
        "more of path": _names_after_dots(Name),
        "range": [
            (rf"({_BLANK})(\.\.)", bygroups(Whitespace, Operator), ("#pop", "value")),
            default("#pop"),
        ],
        "list": [
            include("blank"),
            include("next block"),
            (r"\]", Punctuation, "#pop"),
            (r"(?=\})", bygroups(), "#pop"),  # the list was not closed
            (r",", Punctuation),
            (r"[=:]", Error),
            default("value"),
        ],
        "string": [
            (r'[^"\\\n]+', String.Double),
            (r'"', String.Double, "#pop"),
            (_ESCAPE, String.Escape),
            (r"\\", Error),
            default("#pop"),  # not closed on its line
        ],
        "text": [
            (r'[^"]+', String.Heredoc),
            (r'"""', String.Heredoc, "#pop"),
            (r'"', String.Heredoc),
        ],
    }
