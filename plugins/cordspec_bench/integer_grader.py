"""`integer`: one whole number, as in the AIME, whose answers are 000 to 999."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from cordspec.plugin import Component, Options, Verdict, VerdictGrader, hookimpl
from cordspec_bench.final_answer import final_answer, right_side
from cordspec_bench.quantities import read_quantity


class Integer(VerdictGrader[Options]):
    """Leading zeros and separated thousands are read, ``33.0`` is 33; units say nothing. Anything but one number is wrong."""

    name: ClassVar[str] = "integer"

    def verdict(self, written: str, reference: str) -> Verdict:
        said = final_answer(written)
        if not said:
            return Verdict.no_answer("nothing is written")
        wanted, found = _whole(final_answer(reference)), _whole(said)
        if wanted is None:
            return Verdict.failed("the reference is no whole number", said)
        if found is None:
            return Verdict.of(False, answer=said, reason="the answer is no whole number")
        return Verdict.of(found == wanted, answer=str(found))


def _whole(text: str) -> int | None:
    read = read_quantity(right_side(text), single_letters=False)
    return int(read.value) if read is not None and not read.percent and read.value.denominator == 1 else None


@hookimpl
def cordspec_components() -> Iterable[type[Component]]:
    yield Integer
