"""`inventory`: several independent parts, one to a step; the answer lists them.

A prover sees ahead here: each right step already fixes one number of the answer, so its score is sharp at every depth.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cordspec_mini.families.operations import SKILLS, SLIPS, SYMBOL, Skill, apply, operands, result_with_errors

ITEMS = ("cups", "pens", "hats", "books", "lamps", "toys")
PHRASE: Mapping[Skill, Sequence[str]] = {
    "add": ("has {a} {item} and gains {b}.", "holds {a} {item} and gets {b} more."),
    "sub": ("has {a} {item} and loses {b}.", "holds {a} {item} and sells {b}."),
    "mul": ("has {a} boxes of {b} {item}.", "holds {a} rows of {b} {item}."),
}
SHELVES = "ABCDEFGH"
LONGEST = len(SHELVES)


@dataclass(frozen=True, slots=True)
class Part:
    skill: Skill
    left: int
    right: int
    sentence: str


@dataclass(frozen=True, slots=True)
class Inventory:
    """One drawn problem: a shelf a part."""

    parts: tuple[Part, ...]

    @property
    def question(self) -> str:
        said = " ".join(f"Shelf {shelf} {part.sentence}" for shelf, part in zip(SHELVES, self.parts, strict=False))
        return f"{said} How many items are on each shelf?"

    @property
    def step_tags(self) -> tuple[str, ...]:
        return tuple(part.skill for part in self.parts)

    def work(
        self, rng: random.Random, errors: Mapping[Skill, float], slips: Sequence[int] = SLIPS
    ) -> tuple[list[str], list[int]]:
        """The step bodies and the number that each of them finds, with planned errors."""
        found = [result_with_errors(rng, part.skill, part.left, part.right, errors, slips) for part in self.parts]
        bodies = [
            f"Shelf {shelf}: {part.left} {SYMBOL[part.skill]} {part.right} = {value}."
            for shelf, part, value in zip(SHELVES, self.parts, found, strict=False)
        ]
        return bodies, found

    def complete(self, found: Sequence[int]) -> list[int]:
        """The parts found so far as they were found, the others worked out rightly."""
        return [*found, *(apply(part.skill, part.left, part.right) for part in self.parts[len(found) :])]

    @staticmethod
    def answer(found: Sequence[int]) -> str:
        return ", ".join(f"{shelf} {value}" for shelf, value in zip(SHELVES, found, strict=False))


def draw(rng: random.Random, length: int) -> Inventory:
    """A problem of ``length`` parts."""
    parts = []
    for _ in range(length):
        skill = rng.choice(SKILLS)
        left, right = operands(rng, skill)
        sentence = rng.choice(PHRASE[skill]).format(a=left, b=right, item=rng.choice(ITEMS))
        parts.append(Part(skill, left, right, sentence))
    return Inventory(tuple(parts))
