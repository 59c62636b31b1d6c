"""Final answers: found, compared, and never for longer than allowed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import pytest

from cordspec.artifacts.records import PredictionRecord, read_lines
from cordspec.plugin import (
    Draw,
    EngineAccess,
    EvalOptions,
    Evaluator,
    GenerateRequest,
    Grader,
    Metric,
    Options,
    ProblemView,
    Verdict,
)
from cordspec_bench.final_answer import final_answer
from cordspec_bench.math_verify_grader import MathVerify, MathVerifyOptions


@pytest.fixture(scope="module")
def grader():
    made = MathVerify(MathVerifyOptions(time_limit=5.0))
    yield made
    made.close()


@pytest.mark.parametrize(
    ("written", "reference", "right"),
    [
        ("\n\nThe final answer is A 18, B 24.", "A 18, B 24", True),
        ("\n\nThe final answer is A 18, B 25.", "A 18, B 24", False),
        ("\n\nThe final answer is B 24, A 18.", "A 18, B 24", False),
        ("The final answer is 4.5. So 7 it is.", "7", False),
        ("The final answer is 4.5. So 7 it is.", "4.5", True),
        ("The final answer is **42**.", "42", True),
        ("The final answer is 18,24.", "18, 24", True),
        (r"so \boxed{18,24}", "18, 24", True),
        ("The final answer is (18, 24).", "18, 24", True),
        ("The final answer is 24, 18.", "18, 24", False),
        ("The final answer is 1,234.", "1234", True),
        ("The final answer is 0.50.", "1/2", True),
        (r"thus \boxed{\frac{1}{2}}", "0.5", True),
        (r"\boxed{3} no, \boxed{4}", "4", True),
        (r"\boxed{3} and \boxed{4", "3", True),
        ("", "4", False),
        ("The final answer is 1/0.", "0", False),
    ],
)
def test_verdicts(grader: MathVerify, written: str, reference: str, right: bool) -> None:
    assert grader.grade(written, reference) is right


def test_a_comparison_that_takes_too_long_is_wrong_and_the_next_one_works() -> None:
    grader = MathVerify(MathVerifyOptions(time_limit=0.0001))
    try:
        assert grader.grade(r"\boxed{\int_0^1 x^x dx}", r"\frac{\pi}{7}") is False
        grader.options = MathVerifyOptions(time_limit=20.0)
        assert grader.grade(r"\boxed{\frac{2}{4}}", r"\frac{1}{2}") is True
    finally:
        grader.close()


def test_the_last_box_that_is_complete_counts() -> None:
    assert final_answer(r"\boxed{a{b}c} then \boxed{x") == "a{b}c"


class Saying(Grader[Options]):
    """A grader as others write them: it says yes or no."""

    name: ClassVar[str] = "saying"

    def grade(self, written: str, reference: str) -> bool:
        return reference in written


def test_a_grader_that_says_yes_or_no_is_enough() -> None:
    made = Saying(Options())
    assert made.verdict("it is 4", "4") == Verdict("correct", 1.0)
    assert made.verdict("it is 5", "4") == Verdict("wrong", 0.0)


class Counting(Evaluator[EvalOptions]):
    """An evaluator as others write them: it counts right draws."""

    name: ClassVar[str] = "counting"
    samples = 2
    grader = "saying"

    def requests(self, problem: ProblemView, engine: EngineAccess, seeds: Sequence[int]) -> Sequence[GenerateRequest]:
        return []

    def metrics(self, graded: Sequence[Sequence[bool]]) -> Mapping[str, Metric]:
        return {"right": Metric(sum(map(sum, graded)), None, len(graded), 2)}


def test_an_evaluator_that_counts_right_draws_is_enough() -> None:
    draws = [[Draw(Verdict.of(right), 3, "end") for right in (True, False)]] * 3
    made = Counting(EvalOptions())
    assert made.measure(draws)["right"].value == 3
    assert made.judging(None) is None  # type: ignore[arg-type]  # it asks for nothing


def test_predictions_of_an_earlier_version_are_read_and_others_are_not(tmp_path: Path) -> None:
    row = {"problem": "a", "sample": 0, "text": "x", "tokens": 1, "finish": "end", "correct": True}
    path = tmp_path / "predictions.jsonl"
    path.write_text(json.dumps(row) + "\n")
    assert [one.outcome for one in read_lines(path, PredictionRecord)] == [""]
    for wrong in ({**row, "colour": 1}, {name: row[name] for name in row if name != "correct"}):
        path.write_text(json.dumps(wrong) + "\n")
        with pytest.raises(ValueError, match="not a PredictionRecord"):
            list(read_lines(path, PredictionRecord))
