"""`step_header`: prompt-guided segmentation, a header such as ``### Step 3.`` at the start of a line (paper, 3.2).

The first header is written for the teacher, the later ones by the teacher itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import pairwise
from typing import Annotated, ClassVar

from pydantic import Field

from cordspec.plugin import Component, Options, Piece, Placeholders, Segmenter, Tokens, hookimpl


class StepHeaderOptions(Options):
    """Options of `segmenter NAME : step_header { ... }`."""

    marker: Annotated[str, Placeholders(("n",))] = Field("### Step {n}.", description="the header; {n} is its number")
    max_step: Tokens = Field(2_048, gt=0, description="a step is cut off after this many tokens")


class StepHeader(Segmenter[StepHeaderOptions]):
    """Cuts before each header. Headers are renumbered; text before the first one belongs to the first step."""

    name: ClassVar[str] = "step_header"

    def __init__(self, options: StepHeaderOptions) -> None:
        super().__init__(options)
        self._marker = options.marker
        self._max_step = options.max_step
        before, after = options.marker.split("{n}")
        self._header = re.compile(rf"^{re.escape(before)}(\d{{1,6}}){re.escape(after)}", re.MULTILINE)

    @property
    def max_step(self) -> int:
        return self._max_step

    def header(self, number: int) -> str:
        """The header of a step, with the line break that every step begins with."""
        return "\n" + self._marker.replace("{n}", str(number))

    def prefill(self, number: int) -> str:
        return self.header(1) if number == 1 else ""

    def stops(self, number: int) -> tuple[str, ...]:
        return (self.header(number + 1),)

    def cut(self, text: str, number: int) -> list[Piece]:
        headers = list(self._header.finditer(text))
        starts = [0, *(_line_start(text, found.start()) for found in headers[1:]), len(text)]
        return [self._piece(text[start:end], number + at) for at, (start, end) in enumerate(pairwise(starts))]

    def _piece(self, raw: str, number: int) -> Piece:
        found = self._header.search(raw)
        violations: tuple[str, ...] = ()
        if found is None:
            violations, body = ("missing header",), raw.strip()
        else:
            if int(found.group(1)) != number:
                violations = ("wrong number",)
            body = (raw[: found.start()].strip() + " " + raw[found.end() :].strip()).strip()
        if not body:
            return Piece(raw, "", ("empty step",) if raw.strip() else ())
        return Piece(raw, f"{self.header(number)} {body}", violations)


def _line_start(text: str, header: int) -> int:
    """A step begins with the line break before its header."""
    return header - 1 if header > 0 and text[header - 1] == "\n" else header


@hookimpl
def cordspec_components() -> Iterable[type[Component]]:
    yield StepHeader
