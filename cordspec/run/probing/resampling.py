"""Intervals over problems: what is measured many times in one problem says less than as many problems would."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from statistics import fmean

from cordspec.artifacts.probes import Measure
from cordspec.run.probing.settings import ProbeSettings

Parts = tuple[float, int]
"""Of one problem: a sum, and how many values are in it."""


def ratio(parts: Sequence[Parts], settings: ProbeSettings) -> Measure:
    """The mean of all values, with a percentile bootstrap over the problems that have any."""
    present = [part for part in parts if part[1]]
    n = sum(count for _, count in present)
    if not n:
        return Measure(None, None, None, 0, 0)
    value = math.fsum(total for total, _ in present) / n
    if len(present) < 2:
        return Measure(value, None, None, n, len(present))
    drawn = draws(len(present), settings, lambda chosen: _mean([present[at] for at in chosen]))
    low, high = ends(drawn, settings.level)
    return Measure(value, low, high, n, len(present))


def share(parts: Sequence[Parts], settings: ProbeSettings) -> Measure:
    """The mean of values in [0, 1]. Where all of them are at one end, a bootstrap knows no error; the interval is then that
    of so many problems which all agreed (Clopper and Pearson).
    """
    found = ratio(parts, settings)
    if found.value not in (0.0, 1.0):
        return found
    reach = ((1 - settings.level) / 2) ** (1 / found.problems)
    low, high = (reach, 1.0) if found.value else (0.0, 1 - reach)
    return Measure(found.value, low, high, found.n, found.problems)


def over_problems(values: Sequence[float], settings: ProbeSettings) -> Measure:
    """The mean of one value for each problem."""
    return ratio([(value, 1) for value in values], settings)


def draws(problems: int, settings: ProbeSettings, of: Callable[[Sequence[int]], float]) -> list[float]:
    """A statistic of so many resamples of the problems, which are given by their places; the same ones at every call."""
    rng = random.Random(0)
    return [of([rng.randrange(problems) for _ in range(problems)]) for _ in range(settings.draws)]


def ends(drawn: Sequence[float], level: float) -> tuple[float, float]:
    """The ends of the middle ``level`` of a sample."""
    ordered = sorted(drawn)
    tail = (1 - level) / 2
    last = len(ordered) - 1
    return ordered[round(tail * last)], ordered[round((1 - tail) * last)]


def probability_above(drawn: Sequence[float]) -> float:
    """The share of a sample above 0; what is 0 counts half."""
    return fmean(1.0 if value > 0 else 0.5 if value == 0 else 0.0 for value in drawn)


def _mean(parts: Sequence[Parts]) -> float:
    return math.fsum(total for total, _ in parts) / sum(count for _, count in parts)
