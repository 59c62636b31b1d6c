"""Shares with percentile bands, drawn over problems: steps of one trace are not independent, problems are."""

from __future__ import annotations

import math
import random
import struct
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, TypeVar

from cordspec.report.statistics import quantile

DRAWS: Final = 10_000
LEVEL: Final = 0.95


@dataclass(frozen=True, slots=True)
class Band:
    """A ratio of two sums over problems with its 95 % percentile band; None where the denominator is 0, and without
    limits where fewer than two problems count. ``n`` is the denominator.
    """

    value: float | None
    low: float | None
    high: float | None
    n: float

    def __str__(self) -> str:
        if self.value is None:
            return "–"
        limits = "" if self.low is None or self.high is None else f" [{self.low:.0%}, {self.high:.0%}]"
        return f"{self.value:.0%}{limits}"


Ratio = tuple[Fraction, Fraction]
Name = TypeVar("Name", bound=Hashable)


def ratios(problems: Sequence[Mapping[Name, Ratio]], draws: int = DRAWS, seed: int = 0) -> dict[Name, Band]:
    """For every name the sum of its numerators over that of its denominators, both over problems.

    A draw takes as many problems as there are, with replacement, and the same ones for all names. Draws in which a
    denominator is 0 say nothing and are left out.
    """
    names = list(dict.fromkeys(name for problem in problems for name in problem))
    zero = (Fraction(0), Fraction(0))
    rows = [[part for name in names for part in problem.get(name, zero)] for problem in problems]
    scale = math.lcm(*(part.denominator for row in rows for part in row))
    packed = [_pack([int(part * scale) for part in row]) for row in rows]
    rng = random.Random(seed)
    # all sums of a draw are 64-bit fields of one integer: the additions are C's, and 10,000 draws take seconds
    drawn = [_unpack(sum(rng.choices(packed, k=len(packed))), 2 * len(names)) for _ in range(draws if packed else 0)]
    whole = _unpack(sum(packed), 2 * len(names))
    found = {}
    for at, name in enumerate(names):
        own, under = whole[2 * at], whole[2 * at + 1]
        counting = sum(row[2 * at + 1] > 0 for row in rows)
        sample = sorted(sums[2 * at] / sums[2 * at + 1] for sums in drawn if sums[2 * at + 1])
        low = high = None
        if counting > 1 and sample:
            low, high = quantile(sample, (1 - LEVEL) / 2), quantile(sample, (1 + LEVEL) / 2)
        found[name] = Band(own / under if under else None, low, high, under / scale)
    return found


def _pack(sums: Sequence[int]) -> int:
    return int.from_bytes(struct.pack(f"<{len(sums)}Q", *sums), "little")


def _unpack(packed: int, count: int) -> tuple[int, ...]:
    return struct.unpack(f"<{count}Q", packed.to_bytes(8 * count, "little"))
