"""The statistics of a report, against values worked out by hand or by enumeration."""

from __future__ import annotations

from itertools import product

import pytest

from cordspec.report.statistics import compare, estimate, sign_flip_p


def test_an_estimate_is_a_mean_with_the_error_of_the_mean() -> None:
    found = estimate([1.0, 0.0, 1.0, 1.0])
    assert (found.value, found.n) == (0.75, 4)
    assert found.standard_error == pytest.approx(0.25)
    assert str(estimate([])) == "–" and estimate([1.0]).standard_error is None


@pytest.mark.parametrize(
    "differences", [[1.0] * 6 + [-1.0], [0.5, 0.25, -0.25, 1.0, 0.5, 0.5, -1.0, 0.75], [1.0, -1.0]]
)
def test_the_permutation_test_agrees_with_all_flips(differences: list[float]) -> None:
    observed = abs(sum(differences))
    flips = [
        abs(sum(s * d for s, d in zip(signs, differences, strict=True)))
        for signs in product((1, -1), repeat=len(differences))
    ]
    exact = sum(0.5 if total == observed else total > observed for total in flips) / len(flips)
    assert sign_flip_p(differences) == pytest.approx(exact, abs=0.015)


def test_no_difference_is_no_evidence() -> None:
    assert sign_flip_p([0.0] * 50) == 1.0
    assert sign_flip_p([1.0] * 200) == pytest.approx(1 / 10_001)


def test_comparison_is_over_the_problems_that_both_have() -> None:
    found = compare("a", "b", {"p": 1.0, "q": 0.0, "r": 1.0}, {"p": 0.0, "q": 0.0, "s": 1.0})
    assert (found.difference.value, found.difference.n) == (0.5, 2)
