"""`cue`: a step begins with one of the paper's cues, such as `wait` (section 4.4)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from pydantic import Field

from cordspec.plugin import Component, Options, Piece, Segmenter, Tokens, Unavailable, hookimpl

ABSENT = "cutting by cues is not in this version; `step_header` is"
CUES = (
    "let me check", "let me verify", "double-check", "going back to", "wait", "alternatively", "another way",
    "let's try a different approach", "using another method", "we can also verify", "this is wrong", "the mistake was",
    "that's impossible", "this contradicts", "the error is",
)  # fmt: skip
"""The paper's 15: self-verification, several methods, self-correction."""


class CueOptions(Options):
    """Options of `segmenter NAME : cue { ... }`."""

    cues: tuple[str, ...] = Field(
        CUES, min_length=1, max_length=100, description="the words before which a step begins"
    )
    max_step: Tokens = Field(2_048, gt=0, description="a step is cut off after this many tokens")


class Cue(Segmenter[CueOptions]):
    """A step begins with one of the paper's cues, such as `wait` (section 4.4)."""

    name: ClassVar[str] = "cue"
    absent: ClassVar[str] = ABSENT

    @property
    def max_step(self) -> int:
        return self.options.max_step

    def prefill(self, number: int) -> str:
        raise Unavailable(ABSENT)

    def stops(self, number: int) -> tuple[str, ...]:
        raise Unavailable(ABSENT)

    def cut(self, text: str, number: int) -> list[Piece]:
        raise Unavailable(ABSENT)


@hookimpl
def cordspec_components() -> Iterable[type[Component]]:
    yield Cue
