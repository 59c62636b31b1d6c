"""Parsing that goes on after a mistake, so that one run reports every independent mistake of a file once.

Where a token does not fit, every repair of one token within reach is tried on the automaton: leave one out, put one in,
put another in its place, turn two around. The one that lets the parse run furthest wins, and of equals the plainest. If
none helps, text is skipped up to where the parse can go on. What comes out is a list of tokens that parses; a value that
was put in is an ``ERROR`` token, a hole in the tree, and a name that was put in is empty.

After "Don't Panic! Better, Fewer, Syntax Errors for LR Parsers" (Diekmann and Tratt), whose minimum-cost search is cut
down here to one token, and helped by what the language promises: a block begins with its kind in the first column.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from lark import Token

from cordspec.diagnostics import Diagnostic, Fix, Label, Source, Span
from cordspec.syntax.automaton import Automaton, Stack

WRITTEN: Final = {
    "EQUAL": "=", "COLON": ":", "COMMA": ",", "LBRACE": "{", "RBRACE": "}", "LSQB": "[", "RSQB": "]", "DOT": ".",
    "LIKE": "like", "AS": "as", "CORD": "cord", "__ANON_0": "..",
}  # fmt: skip
"""How the tokens that a repair may put in are written; those that have no fixed text come last."""
MEANT: Final = {
    "NAME": "a name",
    "STRING": "a quoted text",
    "NUMBER": "a number",
    "ERROR": "a value",
    "$END": "the end",
}
INSERTABLE: Final = (*WRITTEN, "ERROR", "NAME", "STRING", "NUMBER")
CLOSING: Final = ("RSQB", "RBRACE", "ERROR", "EQUAL", "LBRACE", "NAME", "STRING", "AS", "NUMBER")
LOOK_AHEAD: Final = 10
LOOK_BACK: Final = 3
DEEPEST: Final = 64
MOST_DIAGNOSTICS: Final = 50
MOST_REPAIRS: Final = 200


@dataclass(frozen=True, slots=True)
class Repair:
    """``count`` tokens at ``at`` give way to ``put``; ``cost`` orders repairs that reach equally far."""

    at: int
    count: int
    put: tuple[Token, ...]
    cost: float


class Recovery:
    """One parse of one text. `run` returns tokens that parse; None when not even that can be had."""

    def __init__(self, automaton: Automaton, tokens: Sequence[Token], source: Source, kinds: frozenset[str]) -> None:
        self._automaton = automaton
        self._tokens = list(tokens)
        self._source = source
        self._kinds = kinds
        self._stacks: list[Stack] = [automaton.start]
        self._repairs = 0
        self._ended = False  # the last repair was one at the end of the text
        self._lines: set[int] = set()
        self.diagnostics: list[Diagnostic] = []
        self.lost: set[str] = set()
        """Names that were left out of the text; what they stood for is not known to be missing."""

    def run(self) -> list[Token] | None:
        at = 0
        while True:
            while at < len(self._tokens) and (stack := self._step(self._stacks[at], at)) is not None:
                del self._stacks[at + 1 :]
                self._stacks.append(stack)
                at += 1
            if at == len(self._tokens) and self._automaton.ends(self._stacks[at]):
                return self._tokens
            over = at == len(self._tokens) and self._ended
            if over or self._repairs >= MOST_REPAIRS or len(self.diagnostics) >= MOST_DIAGNOSTICS:
                del self._tokens[at:]
                return self._tokens if self._close(at) else None
            self._repairs += 1
            self._ended = at == len(self._tokens)
            resumed = self._repair(at)
            if resumed is None:
                return None
            at = resumed

    # the automaton and what the language promises about blocks

    def _step(self, stack: Stack, at: int) -> Stack | None:
        if self._starts_block(at) and not self._automaton.ends(stack):
            return None
        return self._automaton.feed(stack, self._tokens[at].type)

    def _starts_block(self, at: int) -> bool:
        """A kind of block in the first column, followed by what may follow it there."""
        token = self._tokens[at]
        if token.column != 1 or str(token) not in self._kinds:
            return False
        following = self._tokens[at + 1].type if at + 1 < len(self._tokens) else ""
        return following not in ("EQUAL", "DOT")

    # one repair

    def _repair(self, at: int) -> int | None:
        """Mend the tokens around ``at``, where the parse stopped; where it can be taken up again."""
        best = self._best(at)
        if best is not None:
            self._tell(best, at)
            taken = self._tokens[best.at : best.at + best.count]
            kept = {token.start_pos for token in best.put if token}
            self.lost |= {str(token) for token in taken if token.type == "NAME" and token.start_pos not in kept}
            self._tokens[best.at : best.at + best.count] = best.put
            return best.at
        if at == len(self._tokens) or self._starts_block(at):
            self._tell_unclosed(at)
            return at if self._close(at) else None
        return self._skip(at)

    def _best(self, at: int) -> Repair | None:
        if not self._tokens:
            return None
        ranked: list[tuple[int, float, int, Repair]] = []
        for place in range(at, max(-1, at - LOOK_BACK - 1), -1):
            for repair in self._candidates(place):
                reached, closed = self._reach(repair, at)
                if reached > min(at + 1, len(self._tokens) - 1):
                    cost = repair.cost + 0.3 * (at - place) + (0.0 if closed else 0.7)
                    ranked.append((-reached, cost, len(ranked), repair))
        return min(ranked)[3] if ranked else None

    def _candidates(self, at: int) -> list[Repair]:
        """Every repair of one token at this place, or before it."""
        found: list[Repair] = []
        before = self._tokens[at - 1] if at else None
        token = self._tokens[at] if at < len(self._tokens) else None
        place = token or before
        starts = token is not None and self._starts_block(at)
        for name in INSERTABLE:
            put = Token(name, "") if place is None else Token.new_borrow_pos(name, "", place)
            found.append(Repair(at, 0, (put,), self._insertion_cost(name, token, before)))
            if token is not None and token.type != name and not starts:
                swapped = {token.type, name} == {"COLON", "EQUAL"}
                found.append(Repair(at, 1, (put,), 0.0 if swapped else 1.6))
        if token is not None and not starts:
            doubled = before is not None and str(before) == str(token)
            found.append(Repair(at, 1, (), 0.4 if doubled else 1.3))
            if at + 1 < len(self._tokens):
                found.append(Repair(at, 2, (self._tokens[at + 1], token), 1.45))
        return found

    def _insertion_cost(self, name: str, token: Token | None, before: Token | None) -> float:
        if name == "NAME":  # a block lacks its kind or its name: whichever is not there
            if token is not None and token.column == 1 and str(token) not in self._kinds:
                return 0.9
            return 1.0 if before is not None and before.column == 1 and str(before) in self._kinds else 1.2
        if name == "ERROR" and before is not None and before.type == "EQUAL":
            return 0.8
        return 1.0 if name in WRITTEN else 1.2

    def _reach(self, repair: Repair, at: int) -> tuple[int, bool]:
        """How far the parse runs after a repair, as an index into the tokens, and whether the text may end where it does."""
        stack: Stack | None = self._stacks[repair.at]
        for token in repair.put:
            stack = self._automaton.feed(stack, token.type) if stack is not None else None
        if stack is None:
            return -1, False
        here = repair.at + repair.count
        end = min(len(self._tokens), at + LOOK_AHEAD)
        while here < end:
            following = self._step(stack, here) or self._swapped(stack, here)
            if following is None:
                return here, False
            stack, here = following, here + 1
        return here, here < len(self._tokens) or self._automaton.ends(stack)

    def _swapped(self, stack: Stack, at: int) -> Stack | None:
        """The stack after the token at a place, were it `=` for `:` or the other way round: a mistake of its own."""
        meant = {"COLON": "EQUAL", "EQUAL": "COLON"}.get(self._tokens[at].type)
        return self._automaton.feed(stack, meant) if meant else None

    def _skip(self, at: int) -> int:
        """Leave out text up to where the parse can go on; one mistake, however much it is."""
        end = at + 1
        stack = self._stacks[at]
        while end < len(self._tokens) and not self._starts_block(end):
            types = [token.type for token in self._tokens[end : end + 3]]
            if self._automaton.fits(stack, types):
                break
            end += 1
        left_out = self._tokens[at:end]
        self.lost |= {str(token) for token in left_out if token.type == "NAME"}
        last = left_out[-1]
        span = Span(self._source, left_out[0].start_pos or 0, (last.start_pos or 0) + len(last))
        first_line = Span(self._source, span.start, min(span.end, self._end_of_line(span.start)))
        said = left_out[0] if len(left_out) == 1 else f"{left_out[0]} ..."
        self._report("E002", f"unexpected `{said}`", first_line, self._wanted(stack))
        del self._tokens[at:end]
        return at

    def _end_of_line(self, offset: int) -> int:
        end = self._source.text.find("\n", offset)
        return len(self._source.text) if end < 0 else end

    def _close(self, at: int) -> bool:
        """Put in what is missing up to where the text may end."""
        stack = self._stacks[at]
        put: list[Token] = []
        place = self._tokens[at - 1] if at else Token("ERROR", "", start_pos=0, line=1, column=1, end_pos=0)
        while not self._automaton.ends(stack):
            name = next((name for name in CLOSING if self._automaton.feed(stack, name)), None)
            following = self._automaton.feed(stack, name) if name else None
            if name is None or following is None or len(put) > 4 * DEEPEST:
                return False
            put.append(Token.new_borrow_pos(name, "", place))
            stack = following
        self._tokens[at:at] = put
        return True

    # what is told

    def _tell(self, repair: Repair, at: int) -> None:
        old = self._tokens[repair.at : repair.at + repair.count]
        if len(repair.put) == 2:
            one, other = old
            message = f"`{one}` and `{other}` are the wrong way round"
            span = Span(self._source, one.start_pos or 0, (other.start_pos or 0) + len(other))
            self._report(
                "E002", message, span, f"write `{other} {one}`", Fix("turn them", span, f"{other} {one}", sure=False)
            )
        elif not repair.put:
            span = self._span(old[0])
            fix = Fix(f"remove `{old[0]}`", span, "", sure=False)
            self._report("E002", f"unexpected `{old[0]}`", span, self._wanted(self._stacks[repair.at]), fix)
        elif old:
            self._tell_replaced(old[0], repair.put[0].type)
        else:
            self._tell_missing(repair.put[0].type, repair.at)

    def _tell_replaced(self, old: Token, name: str) -> None:
        what, span = self._said(name), self._span(old)
        sure = {old.type, name} == {"COLON", "EQUAL"}
        fix = Fix(f"write {what}", span, WRITTEN[name], sure) if name in WRITTEN else None
        certain = {old.type, name} == {"COLON", "EQUAL"}
        self._report("E002", f"`{old}` stands where {what} belongs", span, f"write {what}", fix, certain=certain)

    def _tell_missing(self, name: str, at: int) -> None:
        token = self._tokens[at] if at < len(self._tokens) else None
        before = self._tokens[at - 1] if at else None
        if name in ("RBRACE", "RSQB"):
            self._tell_unclosed(at)
            return
        if name == "NAME" and token is not None and (head := self._head_mistake(token, before)):
            message, label = head
            self._report("E003", message, self._span(token), label)
            return
        what = self._said(name)
        after = before is not None and (token is None or token.line != before.line)
        if after and before is not None:
            span = self._span(before)
            place, label = Span(self._source, span.end, span.end), f"expected {what} after this"
            fix = Fix(f"insert {what}", place, f" {WRITTEN[name]}", sure=False) if name in WRITTEN else None
        else:
            assert token is not None
            span = self._span(token)
            place, label = Span(self._source, span.start, span.start), f"put {what} before this"
            sure = name in ("EQUAL", "COLON")
            fix = Fix(f"insert {what}", place, f"{WRITTEN[name]} ", sure) if name in WRITTEN else None
        message = "the value is missing" if name == "ERROR" else f"{what} is missing here"
        self._report("E003", message, span, label, fix)

    def _head_mistake(self, token: Token, before: Token | None) -> tuple[str, str] | None:
        """What to say where a block has a kind and no name, or a name and no kind."""
        if before is not None and before.column == 1 and str(before) in self._kinds:
            return f"this {before} has no name", f"write `{before} NAME`"
        if token.column == 1 and str(token) not in self._kinds:
            return f"the kind of `{token}` is missing", "a block begins with its kind, as in `model a : ...`"
        return None

    def _tell_unclosed(self, at: int) -> None:
        opened: list[Token] = []
        for token in self._tokens[:at]:
            if token.type in ("LBRACE", "LSQB"):
                opened.append(token)
            elif token.type in ("RBRACE", "RSQB") and opened:
                opened.pop()
        last = self._tokens[at - 1] if at else None
        if opened and not str(opened[-1]):
            return  # put in by a repair, which has been told
        if opened:
            bracket = opened[-1]
            closing = {"{": "}", "[": "]"}[str(bracket)]
            related = [Label(self._span(token), "inside this one") for token in opened[:1] if token is not bracket]
            if last is not None and last is not bracket:
                related.append(Label(self._span(last), f"expected `{closing}` after this"))
            fix = None
            if last is not None:
                end = self._span(last).end
                fix = Fix(f"insert `{closing}`", Span(self._source, end, end), f" {closing}", sure=False)
            message = f"`{bracket}` is never closed"
            self._report("E004", message, self._span(bracket), "opened here", fix, tuple(related))
        elif last is not None:
            self._report("E004", "the text ends too early", self._span(last), "something is missing after this")
        elif self._tokens:
            begin = self._span(self._tokens[0])
            place = Span(self._source, begin.start, begin.start)
            fix = Fix("insert `cord 1`", place, "cord 1\n\n")
            self._report("E003", "the edition of the language is missing", begin, "put `cord 1` above this", fix)
        else:
            self._report("E001", "the file is empty", Span(self._source, 0, 0), "a spec begins with `cord 1`")

    def _wanted(self, stack: Stack) -> str:
        names = sorted(
            {self._said(name) for name in self._automaton.expected(stack) if name not in ("UNKNOWN", "ERROR")}
        )
        return f"expected {' or '.join(names)}" if 0 < len(names) <= 4 else "this does not belong here"

    @staticmethod
    def _said(name: str) -> str:
        return f"`{WRITTEN[name]}`" if name in WRITTEN else MEANT.get(name, name.lower())

    def _span(self, token: Token) -> Span:
        start = token.start_pos or 0
        return Span(self._source, start, start + len(token))

    def _report(
        self, code: str, message: str, span: Span, label: str, fix: Fix | None = None, related: tuple[Label, ...] = (),
        *, certain: bool = False,
    ) -> None:  # fmt: skip
        """Tell a mistake, unless its line has one already: what follows a mistake on a line is mostly its echo."""
        if span.line in self._lines and not certain:
            return
        self._lines.add(span.line)
        self.diagnostics.append(Diagnostic(code, message, span, label, related, fixes=(fix,) if fix else ()))
