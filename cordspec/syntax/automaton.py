"""Which tokens may follow which: the LALR automaton without values, for trying repairs."""

from __future__ import annotations

from collections.abc import Iterable

from lark import Lark
from lark.parsers.lalr_analysis import Shift

Stack = tuple[int, ...]
"""Where a parse stands: the automaton's states, innermost last. Immutable, so a trial costs no copy."""


class Automaton:
    """The parse table of one start symbol."""

    def __init__(self, lark: Lark, start: str) -> None:
        conf = lark.parse_interactive("", start=start).parser_state.parse_conf
        self._states = conf.states
        self._end = conf.end_state
        self.start: Stack = (conf.start_state,)

    def feed(self, stack: Stack, token: str) -> Stack | None:
        """The stack after one more token, or None where it does not fit."""
        while True:
            action, argument = self._states[stack[-1]].get(token, (None, None))
            if action is None:
                return None
            if action is Shift:
                return (*stack, argument)
            size = len(argument.expansion)
            stack = stack[: len(stack) - size]
            stack = (*stack, self._states[stack[-1]][argument.origin.name][1])
            if token == "$END" and stack[-1] == self._end:
                return stack

    def fits(self, stack: Stack, tokens: Iterable[str]) -> bool:
        """Whether these tokens can follow, one after the other."""
        at: Stack | None = stack
        for token in tokens:
            at = self.feed(at, token) if at is not None else None
        return at is not None

    def ends(self, stack: Stack) -> bool:
        """Whether the text may end here."""
        return self.feed(stack, "$END") is not None

    def expected(self, stack: Stack) -> list[str]:
        """The kinds of token that may follow."""
        names = [name for name in self._states[stack[-1]] if name.isupper() or name.startswith(("$", "__ANON"))]
        return [name for name in names if self.feed(stack, name) is not None]
