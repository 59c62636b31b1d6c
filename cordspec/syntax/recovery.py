"""Parsing that goes on after a mistake, so that one run reports every independent mistake of a file once.

Lark's LALR parser is fed token by token through its public interactive interface. Where a token does not fit, these
repairs are tried in order: swap `:` and `=`, put in one missing token, leave the token out; and, at a kind of block
in the first column, close whatever is still open. What was put in for a value is an ``ERROR`` token, a hole in the tree.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import Final

from lark import Token, Tree, UnexpectedToken
from lark.parsers.lalr_interactive_parser import InteractiveParser

from cordspec.diagnostics import Diagnostic, Fix, Source, Span

INSERTABLE: Final = ("EQUAL", "COLON", "COMMA", "ERROR", "RSQB", "LBRACE")
CLOSING: Final = ("RSQB", "RBRACE", "ERROR", "EQUAL", "LBRACE", "NAME", "STRING", "AS", "NUMBER")
WRITTEN: Final = {
    "EQUAL": "=", "COLON": ":", "COMMA": ",", "LBRACE": "{", "RBRACE": "}", "LSQB": "[", "RSQB": "]", "DOT": ".",
    "LIKE": "like", "AS": "as", "CORD": "cord", "__ANON_0": "..",
}  # fmt: skip
MEANT: Final = {
    "NAME": "a name",
    "STRING": "a quoted text",
    "NUMBER": "a number",
    "ERROR": "a value",
    "$END": "the end",
}
DEEPEST: Final = 64
MOST_DIAGNOSTICS: Final = 100


class Recovery:
    """One parse of one text. `run` returns the tree and the diagnostics."""

    def __init__(
        self, parser: InteractiveParser, tokens: Sequence[Token], source: Source, kinds: frozenset[str]
    ) -> None:
        self._parser = parser
        self._tokens = tokens
        self._source = source
        self._kinds = kinds
        self.diagnostics: list[Diagnostic] = []
        self._opened: list[Token] = []
        self._without_values = copy(parser.parser_state.parse_conf)  # for trials, which must not build the shared tree
        self._without_values.callbacks = {}

    def run(self) -> Tree[Token] | None:
        """The tree, with holes where values were missing; None when not even that much could be read."""
        at = 0
        while at < len(self._tokens) and len(self.diagnostics) < MOST_DIAGNOSTICS:
            token = self._tokens[at]
            if self._starts_block(at) and not self._accepts("$END"):
                self._report_unclosed(token)
                self._close(token)
            self._put_in_value_missing_before(at)
            if self._feed(token) or self._swap(token):
                at += 1
            elif not self._insert_before(token, at):
                self._leave_out(token, at)
                at += 1
        end = self._tokens[-1] if self._tokens else None
        if not self._accepts("$END"):
            self._report_unclosed(end)
            self._close(end)
        if not self._accepts("$END"):
            return None
        tree = self._parser.feed_eof(end) if end is not None else self._parser.feed_eof()
        return tree if isinstance(tree, Tree) else None

    def _feed(self, token: Token) -> bool:
        try:
            self._parser.feed_token(token)
        except UnexpectedToken:
            return False
        if token.type in ("LBRACE", "LSQB"):
            self._opened.append(token)
        elif token.type in ("RBRACE", "RSQB") and self._opened:
            self._opened.pop()
        return True

    def _accepts(self, *types: str) -> bool:
        """Whether these tokens could follow, one after the other."""
        if types[0] not in self._parser.choices():
            return False
        if types == ("$END",):
            return "$END" in self._parser.accepts()
        trial = self._parser.copy(deepcopy_values=False)
        trial.parser_state.parse_conf = self._without_values
        try:
            for name in types:
                trial.feed_token(Token(name, ""))
        except UnexpectedToken:
            return False
        return True

    def _starts_block(self, at: int) -> bool:
        """A kind of block in the first column, followed by what may follow it there."""
        token = self._tokens[at]
        if token.column != 1 or str(token) not in self._kinds:
            return False
        following = self._tokens[at + 1].type if at + 1 < len(self._tokens) else ""
        return following not in ("EQUAL", "DOT")

    def _put_in_value_missing_before(self, at: int) -> None:
        """``name =`` at the end of a line, with another setting on the next one."""
        if at == 0 or self._tokens[at - 1].type != "EQUAL":
            return
        token, before = self._tokens[at], self._tokens[at - 1]
        ends = token.type == "RBRACE"
        next_setting = at + 1 < len(self._tokens) and self._tokens[at + 1].type in ("EQUAL", "DOT")
        if (ends or (token.line != before.line and next_setting)) and self._accepts("ERROR"):
            self._report("E003", "the value is missing", before, "expected a value after `=`")
            self._parser.feed_token(Token.new_borrow_pos("ERROR", "", before))

    def _swap(self, token: Token) -> bool:
        """``seed: 3`` for ``seed = 3``, and ``search b = beam`` for ``search b : beam``."""
        meant = {"COLON": "EQUAL", "EQUAL": "COLON"}.get(token.type)
        if meant is None or not self._accepts(meant):
            return False
        right = WRITTEN[meant]
        fix = Fix(f"write `{right}`", self._span(token), right)
        self._report("E002", f"`{token}` stands where `{right}` belongs", token, f"write `{right}`", fix)
        self._parser.feed_token(Token.new_borrow_pos(meant, right, token))
        return True

    def _insert_before(self, token: Token, at: int) -> bool:
        for name in INSERTABLE:
            if self._accepts(name, token.type):
                break
        else:
            return False
        what = f"`{WRITTEN[name]}`" if name in WRITTEN else MEANT[name]
        fix = Fix(f"insert {what}", self._span(token, width=0), f"{WRITTEN[name]} ") if name in WRITTEN else None
        self._report("E003", f"{what} is missing here", token, f"put {what} before this", fix)
        self._parser.feed_token(Token.new_borrow_pos(name, "", token))
        if name == "LBRACE":
            self._opened.append(token)
        return True

    def _leave_out(self, token: Token, at: int) -> None:
        expected = sorted({self._said(name) for name in self._parser.accepts() if name not in ("UNKNOWN", "ERROR")})
        wanted = f"expected {' or '.join(expected)}" if 0 < len(expected) <= 4 else "this does not belong here"
        self._report("E002", f"unexpected `{token}`", token, wanted, Fix(f"remove `{token}`", self._span(token), ""))

    @staticmethod
    def _said(name: str) -> str:
        return f"`{WRITTEN[name]}`" if name in WRITTEN else MEANT.get(name, name.lower())

    def _report_unclosed(self, at: Token | None) -> None:
        if self._opened:
            opened = self._opened[0]
            self._report("E004", f"`{opened}` is never closed", opened, "opened here")
        elif at is not None:
            self._report("E004", "the file ends in the middle of a block", at, "something is missing after this")
        else:
            self._report("E001", "the file is empty", None, "")

    def _close(self, like: Token | None) -> None:
        place = like if like is not None else Token("ERROR", "", start_pos=0, line=1, column=1, end_pos=0)
        for _ in range(4 * DEEPEST):
            if self._accepts("$END"):
                break
            accepted = self._parser.accepts()
            name = next((name for name in CLOSING if name in accepted), None)
            if name is None:
                break
            self._parser.feed_token(Token.new_borrow_pos(name, "", place))
        self._opened.clear()

    def _span(self, token: Token, width: int | None = None) -> Span:
        start = token.start_pos or 0
        return Span(self._source, start, start + (len(token) if width is None else width))

    def _report(self, code: str, message: str, token: Token | None, label: str, fix: Fix | None = None) -> None:
        span = self._span(token) if token is not None else Span(self._source, 0, 0)
        self.diagnostics.append(Diagnostic(code, message, span, label, fixes=(fix,) if fix else ()))
