"""Simulated evaluations: the printed 95 % intervals hold the truth 92 to 98 % of the time, and the paired test its level.

The thresholds were set before the first run. Problems are alike (every one is solved with the same probability), or of mixed
difficulty, which is drawn for each from a Beta distribution; the truth is its mean.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from statistics import fmean

import numpy as np
import pytest

from cordspec.domain.intervals import mean_interval, share_interval
from cordspec.report import statistics
from cordspec.report.statistics import bootstrap_interval, sign_flip_p

LEAST, MOST = 0.92, 0.98
LEVEL, ERRORS = 0.05, 3.0
"""The test's level, and how many standard errors of the simulation the share of rejections may lie away from it."""
SAMPLES = 16
PROBABILITIES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
SPREADS = {"alike": math.inf, "mixed": 5.0, "very mixed": 1.0}
"""The sum of a Beta distribution's parameters: the smaller, the more problems are solved nearly always or nearly never."""
Interval = Callable[[Sequence[float]], tuple[float, float] | None]


def difficulties(rng: np.random.Generator, p: float, spread: float, size: tuple[int, ...]) -> np.ndarray:
    return np.full(size, p) if math.isinf(spread) else rng.beta(p * spread, (1 - p) * spread, size)


def coverage(interval: Interval, problems: int, p: float, spread: float, runs: int, seed: int = 1) -> float:
    rng = np.random.default_rng(seed)
    shares = rng.binomial(SAMPLES, difficulties(rng, p, spread, (runs, problems))) / SAMPLES
    found = [interval(row) for row in shares.tolist()]
    return fmean(ends is not None and ends[0] <= p <= ends[1] for ends in found)


def printed(values: Sequence[float]) -> tuple[float, float] | None:
    return share_interval(values, SAMPLES)


@pytest.mark.parametrize("problems", [30, 100])
@pytest.mark.parametrize("spread", list(SPREADS))
def test_the_printed_interval_covers_the_truth(problems: int, spread: str) -> None:
    covered = {p: coverage(printed, problems, p, SPREADS[spread], 4_000) for p in PROBABILITIES}
    print(problems, spread, covered)
    assert all(LEAST <= one <= MOST for one in covered.values()), covered


def independent(values: Sequence[float]) -> tuple[float, float]:
    """A mistake: all draws of all problems as if they were independent."""
    mean = fmean(values)
    reach = 1.96 * math.sqrt(mean * (1 - mean) / (len(values) * SAMPLES))
    return mean - reach, mean + reach


@pytest.mark.parametrize("wrong", [independent, mean_interval])
def test_intervals_that_are_too_short_are_found_out(wrong: Interval) -> None:
    """All draws as independent ones, and Student's t interval, which is too short where few problems are solved."""
    covered = [coverage(wrong, 30, p, SPREADS["very mixed"], 4_000) for p in PROBABILITIES]
    assert min(covered) < LEAST


def differences(rng: np.random.Generator, problems: int, spread: float, ahead: float, runs: int) -> list[list[float]]:
    """Of two arms over the same problems; the first solves every problem with a probability that is higher by ``ahead``."""
    hard = difficulties(rng, 0.5, spread, (runs, problems))
    first, second = np.clip(hard + ahead / 2, 0, 1), np.clip(hard - ahead / 2, 0, 1)
    return ((rng.binomial(SAMPLES, first) - rng.binomial(SAMPLES, second)) / SAMPLES).tolist()


def rejections(test: Callable[[list[float]], float], problems: int, spread: float, runs: int) -> float:
    rng = np.random.default_rng(2)
    return fmean(test(row) < LEVEL for row in differences(rng, problems, spread, 0.0, runs))


def tolerance(runs: int) -> float:
    return ERRORS * math.sqrt(LEVEL * (1 - LEVEL) / runs)


@pytest.mark.parametrize(("problems", "runs"), [(30, 2_000), (100, 1_000)])
@pytest.mark.parametrize("spread", list(SPREADS))
def test_the_paired_test_holds_its_level(
    problems: int, runs: int, spread: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With fewer flips than in a report: each number of them makes a test of its own level."""
    monkeypatch.setattr(statistics, "FLIPS", 499)
    share = rejections(sign_flip_p, problems, SPREADS[spread], runs)
    print(problems, spread, share)
    assert abs(share - LEVEL) <= tolerance(runs)


def test_a_test_that_does_not_pair_is_found_out() -> None:
    """It takes the arms for groups of different problems, and so finds nothing where problems are of mixed difficulty."""
    rng = np.random.default_rng(3)
    hard = difficulties(rng, 0.5, SPREADS["very mixed"], (2_000, 30))
    first, second = (rng.binomial(SAMPLES, hard) / SAMPLES for _ in range(2))
    error = np.sqrt(first.var(1, ddof=1) / 30 + second.var(1, ddof=1) / 30)
    share = float((np.abs(first.mean(1) - second.mean(1)) / error > 2.0).mean())
    assert abs(share - LEVEL) > tolerance(2_000)


@pytest.mark.parametrize("problems", [30, 100])
@pytest.mark.parametrize("ahead", [0.0, 0.1])
def test_the_interval_of_a_difference_covers_it(problems: int, ahead: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statistics, "RESAMPLES", 1_000)
    rng = np.random.default_rng(4)
    rows = differences(rng, problems, math.inf, ahead, 600)
    covered = fmean(ends is not None and ends[0] <= ahead <= ends[1] for ends in map(bootstrap_interval, rows))
    print(problems, ahead, covered)
    assert LEAST <= covered <= MOST
