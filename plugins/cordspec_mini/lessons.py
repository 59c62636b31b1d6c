"""`mini_lessons`: worked solutions with planned errors, from which the miniature models are trained."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import ClassVar

from pydantic import Field

from cordspec.plugin import Component, Fraction, Options, Problem, ProblemSource, hookimpl
from cordspec_mini.families.drawing import Family, solved, stream
from cordspec_mini.families.operations import Skill

LENGTHS = (2, 6)


class MiniLessonsOptions(Options):
    """Options of `problems NAME : mini_lessons { ... }`."""

    inventory: int = Field(ge=0, description="number of inventory problems")
    chains: int = Field(ge=0, description="number of chain_arithmetic problems")
    seed: int = Field(ge=0, description="which problems, and which of their steps are wrong")
    add: Fraction = Field(0.0, ge=0, le=1, description="share of additions with a wrong result")
    sub: Fraction = Field(0.0, ge=0, le=1, description="share of subtractions with a wrong result")
    mul: Fraction = Field(0.0, ge=0, le=1, description="share of multiplications with a wrong result")
    early_answers: Fraction = Field(0.0, ge=0, le=1, description="share of traces cut short and answered at once")


class MiniLessons(ProblemSource[MiniLessonsOptions]):
    """Problems from the half of all questions that no spec draws its problems from."""

    name: ClassVar[str] = "mini_lessons"

    def load(self) -> Iterator[Problem]:
        errors: dict[Skill, float] = {"add": self.options.add, "sub": self.options.sub, "mul": self.options.mul}
        counts: dict[Family, int] = {"inventory": self.options.inventory, "chain_arithmetic": self.options.chains}
        for family, count in counts.items():
            for drawn, rng in islice(stream(family, self.options.seed, LENGTHS, "lessons"), count):
                yield solved(drawn, rng, errors, self.options.early_answers)


@hookimpl
def cordspec_components() -> Iterable[type[Component]]:
    yield MiniLessons
