"""`inventory` and `chain_arithmetic`: seeded word problems that no miniature model was trained on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import ClassVar

from pydantic import Field, field_validator

from cordspec.plugin import Component, Interval, InvalidData, Options, Problem, ProblemSource, hookimpl
from cordspec_mini.families import chain_arithmetic, inventory
from cordspec_mini.families.drawing import Family, reference, stream


class MiniatureProblemsOptions(Options):
    """Options of `problems NAME : inventory { ... }` and `problems NAME : chain_arithmetic { ... }`."""

    count: int = Field(100, ge=1, le=1_000_000, description="number of problems")
    seed: int = Field(0, ge=0, description="which problems")
    length: Interval = Field(Interval(4.0, 6.0), description="parts or operations of a problem, from..to")

    @field_validator("length")
    @classmethod
    def _whole(cls, length: Interval) -> Interval:
        shortest, longest = 2, inventory.LONGEST
        if not (
            length.low.is_integer() and length.high.is_integer() and shortest <= length.low <= length.high <= longest
        ):
            raise ValueError(f"a range of whole numbers in {shortest}..{longest}")
        return length


class MiniatureProblems(ProblemSource[MiniatureProblemsOptions]):
    """Problems of one family, from the half of all questions that is reserved for runs."""

    family: ClassVar[Family]

    def load(self) -> Iterator[Problem]:
        lengths = int(self.options.length.low), int(self.options.length.high)
        found = 0
        for drawn, _ in islice(stream(self.family, self.options.seed, lengths, "unseen"), self.options.count):
            found += 1
            yield Problem(drawn.question, reference(drawn), step_tags=drawn.step_tags)
        if found < self.options.count:
            raise InvalidData(
                f"there are only {found} different problems of this length", "ask for fewer, or longer ones"
            )


class InventoryProblems(MiniatureProblems):
    """Several independent parts, one a step; the answer lists them. A prover sees ahead."""

    name: ClassVar[str] = "inventory"
    family: ClassVar[Family] = "inventory"


class ChainProblems(MiniatureProblems):
    """One long dependency with one number as its answer. A prover is blunt until the end."""

    name: ClassVar[str] = "chain_arithmetic"
    family: ClassVar[Family] = "chain_arithmetic"


assert chain_arithmetic.LONGEST == inventory.LONGEST


@hookimpl
def cordspec_components() -> Iterable[type[Component]]:
    yield InventoryProblems
    yield ChainProblems
