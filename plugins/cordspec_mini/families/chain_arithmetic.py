"""`chain_arithmetic`: one long dependency with one number as its answer.

A prover is blunt here until the end: after an early step the answer is still several operations away.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cordspec_mini.families.operations import LARGEST, SKILLS, SLIPS, SYMBOL, Skill, apply, result_with_errors

PHRASE: Mapping[Skill, Sequence[str]] = {
    "add": ("gains {b}", "gets {b} more"),
    "sub": ("loses {b}", "sells {b}"),
    "mul": ("has {b} times as many",),
}
OWNERS = ("Ann", "Ben", "Eva", "Tom")
LONGEST = 8


@dataclass(frozen=True, slots=True)
class Operation:
    skill: Skill
    right: int
    phrase: str


@dataclass(frozen=True, slots=True)
class Chain:
    """One drawn problem: a start value and the operations on it."""

    owner: str
    item: str
    start: int
    operations: tuple[Operation, ...]

    @property
    def question(self) -> str:
        said = ", then ".join(operation.phrase for operation in self.operations)
        return f"{self.owner} has {self.start} {self.item}, then {said}. How many {self.item} in the end?"

    @property
    def step_tags(self) -> tuple[str, ...]:
        return tuple(operation.skill for operation in self.operations)

    def work(
        self, rng: random.Random, errors: Mapping[Skill, float], slips: Sequence[int] = SLIPS
    ) -> tuple[list[str], list[int]]:
        """The step bodies and the value after each of them; an error is carried on by the steps that follow."""
        bodies, found, value = [], [], self.start
        for operation in self.operations:
            left, right = value, operation.right
            value = result_with_errors(rng, operation.skill, left, right, errors, slips)
            bodies.append(f"{left} {SYMBOL[operation.skill]} {right} = {value}.")
            found.append(value)
        return bodies, found

    def complete(self, found: Sequence[int]) -> list[int]:
        """The values found so far as they were found, the chain worked out rightly from there."""
        values = list(found)
        for operation in self.operations[len(found) :]:
            values.append(apply(operation.skill, values[-1] if values else self.start, operation.right))
        return values

    @staticmethod
    def answer(found: Sequence[int]) -> str:
        return str(found[-1])


def draw(rng: random.Random, length: int) -> Chain:
    """A problem of ``length`` operations whose values stay in 1..99."""
    item = rng.choice(("cups", "pens", "hats", "books", "lamps", "toys"))
    start = value = rng.randint(2, 40)
    operations = []
    for _ in range(length):
        skill, right = _next_operation(rng, value)
        value = apply(skill, value, right)
        phrase = rng.choice(PHRASE[skill]).format(b=right)
        operations.append(Operation(skill, right, phrase))
    return Chain(rng.choice(OWNERS), item, start, tuple(operations))


def _next_operation(rng: random.Random, value: int) -> tuple[Skill, int]:
    possible: list[tuple[Skill, int]] = []
    for skill in rng.sample(SKILLS, len(SKILLS)):
        rights = [right for right in range(2, 10) if 1 <= apply(skill, value, right) <= LARGEST]
        if skill == "mul":
            rights = [right for right in rights if value <= 11]
        if rights:
            possible.append((skill, rng.choice(rights)))
    return possible[0]
