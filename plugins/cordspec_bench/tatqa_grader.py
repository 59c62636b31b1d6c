"""`tatqa`: exact match of answers to questions over tables, with their scale (paper, section 4.2: TaTQA)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from cordspec.plugin import Component, Grader, Options, Unavailable, hookimpl

ABSENT = "the TaTQA grader is not in this version; `math_verify` is"


class TatqaOptions(Options):
    """It has none."""


class TatqaGrader(Grader[TatqaOptions]):
    """The published definition of exact match."""

    name: ClassVar[str] = "tatqa"
    absent: ClassVar[str] = ABSENT

    def grade(self, written: str, reference: str) -> bool:
        raise Unavailable(ABSENT)


@hookimpl
def cordspec_components() -> Iterable[type[Component]]:
    yield TatqaGrader
