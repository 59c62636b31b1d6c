"""pass@1, pass@k and majority against values worked out by hand or by enumeration."""

from __future__ import annotations

import math
from itertools import combinations, product
from statistics import fmean

import pytest

from cordspec.plugin import Draw, Verdict
from cordspec_bench.sampling_metrics import pass_at_1, sampling_metrics


def draws(*answers: str, right: str = "4") -> list[Draw]:
    """Draws with these answers; an empty one gives none."""
    verdicts = (Verdict.of(answer == right, answer=answer) if answer else Verdict.no_answer() for answer in answers)
    return [Draw(verdict, 10, "end") for verdict in verdicts]


def test_pass_at_1_is_the_mean_of_means_with_both_errors() -> None:
    found = pass_at_1([[True, True, False, False], [True, True, True, True]])
    assert (found.value, found.n, found.samples) == (0.75, 2, 4)
    assert found.standard_error == pytest.approx(0.25)
    assert found.draw_error == pytest.approx(math.sqrt(0.25 / 3) / 2)
    assert found.low is not None and found.high is not None and found.low < 0.75 < found.high
    assert pass_at_1([[True], [False]]).draw_error is None


def test_the_error_over_draws_is_that_of_drawing_again() -> None:
    """Over all outcomes of three draws of two problems, the mean of its square is the variance of pass@1."""
    chances = (0.3, 0.8)
    squares, values = [], []
    for outcome in product([True, False], repeat=6):
        first, second = outcome[:3], outcome[3:]
        weight = math.prod(
            p if one else 1 - p for p, three in zip(chances, (first, second), strict=True) for one in three
        )
        found = pass_at_1([first, second])
        squares.append(weight * (found.draw_error or 0.0) ** 2)
        values.append((weight, found.value))
    mean = math.fsum(weight * value for weight, value in values)
    variance = math.fsum(weight * (value - mean) ** 2 for weight, value in values)
    assert math.fsum(squares) == pytest.approx(variance)


@pytest.mark.parametrize("k", [1, 2, 3, 5])
@pytest.mark.parametrize("right", [0, 1, 3, 5])
def test_pass_at_k_is_the_share_of_all_choices_of_k_draws_with_a_right_one(k: int, right: int) -> None:
    verdicts = [True] * right + [False] * (5 - right)
    wanted = fmean(any(chosen) for chosen in combinations(verdicts, k))
    each = [Draw(Verdict.of(one, answer=str(one)), 1, "end") for one in verdicts]
    assert sampling_metrics([each], k)["pass_at_k"].value == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("answers", "wanted"),
    [
        (("4", "4", "5"), 1.0),
        (("4", "5", "5"), 0.0),
        (("4", "5", "6"), 1 / 3),
        (("4", "5", "", ""), 0.5),
        (("", "", ""), 0.0),
        (("", "", "4"), 1.0),
    ],
)
def test_the_majority_is_what_most_draws_with_an_answer_say(answers: tuple[str, ...], wanted: float) -> None:
    assert sampling_metrics([draws(*answers)], 1)["majority"].value == pytest.approx(wanted)


def test_right_answers_of_another_form_are_one_answer() -> None:
    right = [Draw(Verdict.of(True, answer=answer), 1, "end") for answer in ("1/2", "0.5")]
    assert sampling_metrics([[*right, *draws("7")]], 1)["majority"].value == 1.0


def test_parts_of_a_point_are_a_metric_of_their_own() -> None:
    half = Draw(Verdict.of(False, score=0.5, answer="a"), 1, "end")
    found = sampling_metrics([[half, *draws("4")]], 1)
    assert (found["pass_at_1"].value, found["score"].value) == (0.5, 0.75)
