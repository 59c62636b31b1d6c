"""`numeric`: one number, equal to the reference within a tolerance, with units, percent, scales and thousands."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import ClassVar

from pydantic import Field

from cordspec.plugin import Component, Options, Verdict, VerdictGrader, hookimpl
from cordspec_bench.final_answer import final_answer, right_side
from cordspec_bench.quantities import read_quantity, readings


class NumericOptions(Options):
    """Options of the grader."""

    tolerance: float = Field(1e-4, ge=0.0, lt=1.0, description="the largest error, as a share of the reference")


class Numeric(VerdictGrader[NumericOptions]):
    """Values are compared exactly but for the tolerance; units of one kind are converted, others are wrong."""

    name: ClassVar[str] = "numeric"

    def verdict(self, written: str, reference: str) -> Verdict:
        said = final_answer(written)
        if not said:
            return Verdict.no_answer("nothing is written")
        wanted, found = read_quantity(right_side(final_answer(reference))), read_quantity(right_side(said))
        if wanted is None:
            return Verdict.failed("the reference is no number", said)
        if found is None:
            return Verdict.of(False, answer=said, reason="the answer is no number")
        values = readings(found, wanted)
        allowed = abs(wanted.share) * Fraction(self.options.tolerance)
        right = any(abs(value - wanted.share) <= allowed for value in values)
        answer = f"{float_text(found.share)} {found.unit}".strip()
        return Verdict.of(right, answer=answer, reason="" if values else "the unit is of another kind")


def float_text(value: Fraction) -> str:
    """A number to ten digits; equal numbers are equal texts."""
    try:
        return f"{float(value):.10g}"
    except OverflowError:
        return "inf" if value > 0 else "-inf"


@hookimpl
def cordspec_components() -> Iterable[type[Component]]:
    yield Numeric
