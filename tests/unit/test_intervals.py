"""Intervals against values that are known by hand or from tables."""

from __future__ import annotations

import pytest

from cordspec.domain.intervals import mean_interval, share_interval, t_quantile


@pytest.mark.parametrize(
    ("degrees", "wanted"), [(1, 12.706), (2, 4.303), (3, 3.182), (4, 2.776), (9, 2.262), (29, 2.045), (99, 1.984)]
)
def test_the_quantile_of_t_is_that_of_the_tables(degrees: int, wanted: float) -> None:
    assert t_quantile(degrees) == pytest.approx(wanted, rel=2e-3)


def test_the_interval_of_a_mean_is_students() -> None:
    low, high = mean_interval([1.0, 2.0, 3.0, 4.0]) or (0, 0)
    assert (low, high) == pytest.approx((2.5 - 3.182 * 0.6455, 2.5 + 3.182 * 0.6455), abs=5e-3)
    assert mean_interval([1.0]) is None and share_interval([1.0], 16) is None


def test_one_draw_of_each_problem_gives_wilsons_interval() -> None:
    """20 of 100: [0.133, 0.289] with 1.96; a little wider with t's quantile and one problem less."""
    low, high = share_interval([1.0] * 20 + [0.0] * 80, 1) or (0, 0)
    assert (low, high) == pytest.approx((0.1332, 0.2889), abs=4e-3)


@pytest.mark.parametrize(("values", "ends"), [([1.0] * 30, (0.878, 1.0)), ([0.0] * 30, (0.0, 0.122))])
def test_all_right_or_all_wrong_is_no_certainty(values: list[float], ends: tuple[float, float]) -> None:
    assert share_interval(values, 16) == pytest.approx(ends, abs=2e-3)


def test_more_draws_of_problems_that_are_alike_make_it_narrower_and_of_others_do_not() -> None:
    def width(values: list[float], samples: int) -> float:
        low, high = share_interval(values, samples) or (0, 0)
        return high - low

    alike, mixed = [0.45, 0.5, 0.55] * 10, [0.0, 1.0] * 15
    assert width(alike, 16) < width(alike, 1) < width(mixed, 1)
    assert width(mixed, 16) == width(mixed, 1)
