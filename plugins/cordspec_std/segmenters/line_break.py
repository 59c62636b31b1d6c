"""`line_break`: a step ends at an empty line (paper, section 4.4)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import ClassVar

from pydantic import Field

from cordspec.plugin import Component, Options, Piece, Segmenter, Tokens, hookimpl
from cordspec_std.segmenters.boundaries import cut_at


class LineBreakOptions(Options):
    """Options of `segmenter NAME : line_break { ... }`."""

    boundary: str = Field(
        "\n\n", min_length=1, description="what stands between two steps; the paper's is an empty line"
    )
    max_step: Tokens = Field(2_048, gt=0, description="a step is cut off after this many tokens")


class LineBreak(Segmenter[LineBreakOptions]):
    """Cuts before each boundary, so that a step begins with the one before it. Models need no headers for it."""

    name: ClassVar[str] = "line_break"

    @property
    def max_step(self) -> int:
        return self.options.max_step

    @property
    def min_tokens(self) -> int:
        """A step begins with the boundary itself, which takes one token, or two."""
        return 2

    def prefill(self, number: int) -> str:
        return ""

    def stops(self, number: int) -> tuple[str, ...]:
        return (self.options.boundary,)

    def cut(self, text: str, number: int) -> list[Piece]:
        return cut_at(text, (found.start() for found in re.finditer(re.escape(self.options.boundary), text)))


@hookimpl
def cordspec_components() -> Iterable[type[Component]]:
    yield LineBreak
