"""`cue`: a step begins with one of the paper's cues, such as `wait` (section 4.4; there called prefix unit)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated, ClassVar

from pydantic import Field

from cordspec.plugin import Component, Options, Piece, Segmenter, Tokens, hookimpl
from cordspec_std.segmenters.boundaries import cut_at

CUES = (
    "let me check", "let me verify", "double-check", "going back to", "wait", "alternatively", "another way",
    "let's try a different approach", "using another method", "we can also verify", "this is wrong", "the mistake was",
    "that's impossible", "this contradicts", "the error is",
)  # fmt: skip
"""The paper's 15: self-verification, several methods, self-correction."""
SPACES = (" ", "\n")


class CueOptions(Options):
    """Options of `segmenter NAME : cue { ... }`."""

    cues: tuple[Annotated[str, Field(min_length=1)], ...] = Field(
        CUES, min_length=1, max_length=100, description="the words before which a step begins"
    )
    max_step: Tokens = Field(2_048, gt=0, description="a step is cut off after this many tokens")
    cue_tokens: int = Field(
        6, ge=1, le=64, description="tokens at the start of a step in which no cue ends it: it begins with one"
    )


class Cue(Segmenter[CueOptions]):
    """Cuts before the white space in front of each cue, written as in the list or with a capital.

    A cue is matched as text at the start of a word, since servers know stop strings and no patterns: `waiting` is one too.
    """

    name: ClassVar[str] = "cue"

    def __init__(self, options: CueOptions) -> None:
        super().__init__(options)
        spelt = dict.fromkeys(form for cue in options.cues for form in (cue, cue[:1].upper() + cue[1:]))
        self._stops = tuple(space + form for form in spelt for space in SPACES)
        longest_first = sorted(spelt, key=len, reverse=True)
        self._boundary = re.compile(rf"\s*[{''.join(SPACES)}](?={'|'.join(map(re.escape, longest_first))})")

    @property
    def max_step(self) -> int:
        return self.options.max_step

    @property
    def min_tokens(self) -> int:
        return self.options.cue_tokens

    def prefill(self, number: int) -> str:
        return ""

    def stops(self, number: int) -> tuple[str, ...]:
        return self._stops

    def cut(self, text: str, number: int) -> list[Piece]:
        return cut_at(text, (found.start() for found in self._boundary.finditer(text)))


@hookimpl
def cordspec_components() -> Iterable[type[Component]]:
    yield Cue
