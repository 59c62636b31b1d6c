"""One-token mutants of a spec: what a slip of the hand makes of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from cordspec.syntax.tables import lark

OTHERS: Final = ("{", "}", "=", ":", "[", "]", ",", "x", "7", '"x"', "like", "..", "30%")


@dataclass(frozen=True, slots=True)
class Mutant:
    """A changed text, and the offset at which it was changed."""

    kind: str
    at: int
    text: str


def mutants(text: str) -> Iterator[Mutant]:
    """Each token left out, doubled, turned around with the next one, and replaced by another."""
    tokens = [(token.start_pos or 0, (token.start_pos or 0) + len(token), str(token)) for token in lark().lex(text)]
    for number, (start, end, token) in enumerate(tokens):
        yield Mutant("left out", start, text[:start] + text[end:])
        yield Mutant("doubled", start, f"{text[:end]} {token}{text[end:]}")
        other = OTHERS[number % len(OTHERS)]
        if other != token:
            yield Mutant("replaced", start, f"{text[:start]} {other} {text[end:]}")
        if number + 1 < len(tokens):
            following, last, next_token = tokens[number + 1]
            yield Mutant("turned", start, f"{text[:start]}{next_token} {text[end:following]}{token} {text[last:]}")
