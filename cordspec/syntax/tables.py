"""The LALR parser of the language: its tables as computed when cordspec was installed, or computed now.

Computing them takes a good part of the time that `cordspec validate` has. ``make_tables`` is called by the build (see
``hatch_build.py``) and writes them as a Python literal beside this file: no pickle is read, and tables of another grammar
or another Lark are not used.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lark import Lark

STARTS = ("start", "setting")
"""A whole file, and a single value."""


@cache
def lark() -> Lark:
    """The parser with both start symbols."""
    from lark import Lark

    grammar = _grammar()
    try:
        from cordspec.syntax._tables import FOR, TABLES
    except ImportError:
        return _build(grammar)
    return Lark.load(TABLES) if _identity(grammar) == FOR else _build(grammar)


def make_tables(grammar: str) -> str:
    """The source text of the module that holds the tables of a grammar."""
    from lark.grammar import Rule
    from lark.lexer import TerminalDef

    data, memo = _build(grammar).memo_serialize([TerminalDef, Rule])
    return f"FOR = {_identity(grammar)!r}\nTABLES = { ({'data': data, 'memo': memo})!r}\n"


def _build(grammar: str) -> Lark:
    from lark import Lark

    return Lark(
        grammar, start=list(STARTS), parser="lalr", lexer="basic", keep_all_tokens=True, maybe_placeholders=True
    )


def _grammar() -> str:
    return files("cordspec.syntax").joinpath("grammar.lark").read_text(encoding="utf-8")


def _identity(grammar: str) -> tuple[str, str]:
    import lark

    return lark.__version__, grammar
