"""Estimates with their errors, and paired comparisons over problems."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean, stdev
from typing import Final

from cordspec.domain.intervals import t_quantile

FLIPS: Final = 10_000
RESAMPLES: Final = 4_000


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
    """The mean difference of two arms over the problems that both have, its 95 % interval (None for fewer than two), and how
    often chance alone does as much.
    """

    first: str
    second: str
    difference: Estimate
    p: float
    low: float | None = None
    high: float | None = None


def estimate(values: Sequence[float]) -> Estimate:
    """Mean and standard error of the mean."""
    if not values:
        return Estimate(None, None, 0)
    error = stdev(values) / math.sqrt(len(values)) if len(values) > 1 else None
    return Estimate(fmean(values), error, len(values))


def compare(first: str, second: str, a: Mapping[str, float], b: Mapping[str, float]) -> Comparison:
    """Paired over problems: ``a`` minus ``b``, each a value per problem."""
    differences = [a[problem] - b[problem] for problem in sorted(a.keys() & b.keys())]
    low, high = bootstrap_interval(differences) or (None, None)
    return Comparison(first, second, estimate(differences), sign_flip_p(differences), low, high)


def bootstrap_interval(values: Sequence[float]) -> tuple[float, float] | None:
    """The 95 % interval of a mean from 4,000 seeded resamples of the values, one a problem; None for fewer than two.

    Percentiles are expanded to the reach of Student's t, without which the interval is too short for few problems
    (Hesterberg 2015, "What teachers should know about the bootstrap", section 3.2).
    """
    n = len(values)
    if n < 2:
        return None
    share = NormalDist().cdf(-math.sqrt(n / (n - 1)) * t_quantile(n - 1))
    rng = random.Random(0)
    means = sorted(math.fsum(rng.choices(values, k=n)) / n for _ in range(RESAMPLES))
    return quantile(means, share), quantile(means, 1 - share)


def sign_flip_p(differences: Sequence[float]) -> float:
    """Two-sided p of a paired sign-flip permutation test with 10,000 seeded draws; at least 1/10,001.

    Flips that come out as far from 0 as what was observed count half (mid-p): shares of few draws have few values, and with
    whole ones the test rejects less often than its level says. Of problems that are right or wrong it is McNemar's mid-p
    test (Fagerland, Lydersen and Laake 2013).
    """
    informative = [abs(difference) for difference in differences if difference]
    if not informative:
        return 1.0
    observed = abs(math.fsum(differences))
    rng = random.Random(0)
    extreme = 0.0
    for _ in range(FLIPS):
        bits = rng.getrandbits(len(informative))
        total = 0.0
        for at, size in enumerate(informative):
            total += size if bits >> at & 1 else -size
        beyond = abs(total) - observed
        extreme += 0.5 if abs(beyond) < 1e-9 else beyond > 0
    return min(1.0, (extreme + 1) / (FLIPS + 1))


def quantile(ordered: Sequence[float], share: float) -> float:
    """The value at a share of an ordered sample that is not empty, between two values by linear interpolation."""
    at = share * (len(ordered) - 1)
    below = math.floor(at)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (at - below)
