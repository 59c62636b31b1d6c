"""`mini_lessons`: worked solutions with planned errors, from which the miniature models are trained."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import ClassVar, Literal

from pydantic import Field, field_validator

from cordspec.plugin import Component, Fraction, Interval, Options, Problem, ProblemSource, hookimpl
from cordspec_mini.families import inventory
from cordspec_mini.families.drawing import Family, solved, stream
from cordspec_mini.families.operations import FAR, SLIPS, Skill


class MiniLessonsOptions(Options):
    """Options of `problems NAME : mini_lessons { ... }`."""

    inventory: int = Field(ge=0, description="number of inventory problems")
    chains: int = Field(ge=0, description="number of chain_arithmetic problems")
    seed: int = Field(ge=0, description="which problems, and which of their steps are wrong")
    length: Interval = Field(Interval(2.0, 6.0), description="parts or operations of a problem, from..to")
    add: Fraction = Field(0.0, ge=0, le=1, description="share of additions with a wrong result")
    sub: Fraction = Field(0.0, ge=0, le=1, description="share of subtractions with a wrong result")
    mul: Fraction = Field(0.0, ge=0, le=1, description="share of multiplications with a wrong result")
    slips: Literal["near", "far"] = Field("near", description="a wrong result is off in one digit, or by up to 50")
    early_answers: Fraction = Field(0.0, ge=0, le=1, description="share of traces cut short and answered at once")

    @field_validator("length")
    @classmethod
    def _whole(cls, length: Interval) -> Interval:
        whole = length.low.is_integer() and length.high.is_integer()
        if not (whole and 1 <= length.low <= length.high <= inventory.LONGEST):
            raise ValueError(f"a range of whole numbers in 1..{inventory.LONGEST}")
        return length


class MiniLessons(ProblemSource[MiniLessonsOptions]):
    """Problems from the half of all questions that no spec draws its problems from."""

    name: ClassVar[str] = "mini_lessons"

    def load(self) -> Iterator[Problem]:
        errors: dict[Skill, float] = {"add": self.options.add, "sub": self.options.sub, "mul": self.options.mul}
        counts: dict[Family, int] = {"inventory": self.options.inventory, "chain_arithmetic": self.options.chains}
        slips = FAR if self.options.slips == "far" else SLIPS
        lengths = int(self.options.length.low), int(self.options.length.high)
        for family, count in counts.items():
            for drawn, rng in islice(stream(family, self.options.seed, lengths, "lessons"), count):
                yield solved(drawn, rng, errors, self.options.early_answers, slips)


@hookimpl
def cordspec_components() -> Iterable[type[Component]]:
    yield MiniLessons
