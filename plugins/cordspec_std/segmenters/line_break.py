"""`line_break`: a step ends at an empty line (paper, section 4.4)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from pydantic import Field

from cordspec.plugin import Component, Options, Piece, Segmenter, Tokens, Unavailable, hookimpl

ABSENT = "cutting by empty lines is not in this version; `step_header` is"


class LineBreakOptions(Options):
    """Options of `segmenter NAME : line_break { ... }`."""

    max_step: Tokens = Field(2_048, gt=0, description="a step is cut off after this many tokens")


class LineBreak(Segmenter[LineBreakOptions]):
    """A step ends at an empty line (paper, section 4.4)."""

    name: ClassVar[str] = "line_break"
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
    yield LineBreak
