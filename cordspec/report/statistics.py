"""Estimates with their errors, and paired comparisons over problems."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Final

FLIPS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean with its standard error over ``n`` problems; None for the mean of none, and for the error of fewer than two."""

    value: float | None
    standard_error: float | None
    n: int

    def __str__(self) -> str:
        if self.value is None:
            return "–"
        error = "" if self.standard_error is None else f" ± {self.standard_error:.3f}"
        return f"{self.value:.3f}{error}"


@dataclass(frozen=True, slots=True)
class Comparison:
    """The mean difference of two arms over the problems that both have, and how often chance alone does as much."""

    first: str
    second: str
    difference: Estimate
    p: float


def estimate(values: Sequence[float]) -> Estimate:
    """Mean and standard error of the mean."""
    if not values:
        return Estimate(None, None, 0)
    error = stdev(values) / math.sqrt(len(values)) if len(values) > 1 else None
    return Estimate(fmean(values), error, len(values))


def compare(first: str, second: str, a: Mapping[str, float], b: Mapping[str, float]) -> Comparison:
    """Paired over problems: ``a`` minus ``b``, each a value per problem."""
    differences = [a[problem] - b[problem] for problem in sorted(a.keys() & b.keys())]
    return Comparison(first, second, estimate(differences), sign_flip_p(differences))


def sign_flip_p(differences: Sequence[float]) -> float:
    """Two-sided p of a paired sign-flip permutation test with 10,000 seeded draws; at least 1/10,001."""
    informative = [abs(difference) for difference in differences if difference]
    if not informative:
        return 1.0
    observed = abs(math.fsum(differences)) - 1e-9
    rng = random.Random(0)
    extreme = 0
    for _ in range(FLIPS):
        bits = rng.getrandbits(len(informative))
        total = 0.0
        for at, size in enumerate(informative):
            total += size if bits >> at & 1 else -size
        extreme += abs(total) >= observed
    return (extreme + 1) / (FLIPS + 1)


def quantile(ordered: Sequence[float], share: float) -> float:
    """The value at a share of an ordered sample that is not empty, between two values by linear interpolation."""
    at = share * (len(ordered) - 1)
    below = math.floor(at)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (at - below)
