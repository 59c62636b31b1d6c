"""The three skills of the miniature and how a weak model gets them wrong."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Final, Literal

Skill = Literal["add", "sub", "mul"]
SKILLS: Final[tuple[Skill, ...]] = ("add", "sub", "mul")
SYMBOL: Final[Mapping[Skill, str]] = {"add": "+", "sub": "-", "mul": "*"}
LARGEST: Final = 99
SLIPS: Final = (-10, -1, 1, 10)
"""A wrong result is off by one of these, which looks like a slip in one digit."""
FAR: Final = tuple(slip for slip in range(-50, 51) if slip)
"""What wrong results may be off by in first lessons for a reward model: most of them are easy to see."""


def apply(skill: Skill, left: int, right: int) -> int:
    if skill == "add":
        return left + right
    if skill == "sub":
        return left - right
    return left * right


def operands(rng: random.Random, skill: Skill) -> tuple[int, int]:
    """Two operands whose result lies in 1..99."""
    if skill == "mul":
        return rng.randint(2, 11), rng.randint(2, 9)
    right = rng.randint(2, 9)
    return (rng.randint(1, LARGEST - right) if skill == "add" else rng.randint(right + 1, LARGEST)), right


def result_with_errors(
    rng: random.Random, skill: Skill, left: int, right: int, errors: Mapping[Skill, float], slips: Sequence[int] = SLIPS
) -> int:
    """The result, or with probability ``errors[skill]`` one that is off by a slip and not negative."""
    true = apply(skill, left, right)
    if rng.random() >= errors.get(skill, 0.0):
        return true
    return rng.choice([true + slip for slip in slips if true + slip >= 0] or [true + 1])
