"""Answers with known verdicts: all graders agree with all of them, and a grader with a mistake does not."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import pytest

from cordspec.extension.registry import Registry
from cordspec.plugin import Grader
from cordspec_bench import (
    final_answer,
    math_verify_grader,
    multiple_choice_grader,
    numeric_grader,
    quantities,
    tatqa_metric,
)

PAIRS = [
    json.loads(line)
    for line in (Path(__file__).parents[1] / "data" / "answer_pairs.jsonl").read_text(encoding="utf-8").splitlines()
]
GRADERS = ("math_verify", "integer", "numeric", "exact", "multiple_choice", "tatqa")
MALICIOUS = "malicious"
Row = dict[str, str]


@contextmanager
def graders(registry: Registry, limit: float) -> Iterator[dict[str, Grader]]:
    made: dict[str, Grader] = {}
    for name in GRADERS:
        component = registry.get("grader", name)
        assert issubclass(component, Grader)
        options = {"time_limit": limit} if name == "math_verify" else {}
        made[name] = component(component.options_type(**options))
    try:
        yield made
    finally:
        for one in made.values():
            one.close()


def disagreements(registry: Registry, rows: list[Row]) -> list[tuple[Row, str]]:
    """Rows with another verdict than the known one. A hostile answer may be found wrong or not be told within the limit,
    which is short for these only: others must be told on a busy machine too.
    """
    found = []
    for hostile, limit in ((True, 1.0), (False, 30.0)):
        chosen = [row for row in rows if (row["group"] == MALICIOUS) == hostile]
        with graders(registry, limit) as made:
            found += [(row, made[row["grader"]].verdict(row["written"], row["reference"]).outcome) for row in chosen]
    return [
        (row, outcome)
        for row, outcome in found
        if outcome != row["outcome"]
        and not (row["group"] == MALICIOUS and {outcome, row["outcome"]} == {"wrong", "failed"})
    ]


def test_all_graders_agree_with_all_known_verdicts(registry: Registry) -> None:
    assert len(PAIRS) >= 300
    assert disagreements(registry, PAIRS) == []


def test_the_known_verdicts_are_of_all_kinds() -> None:
    groups = Counter(row["group"] for row in PAIRS if row["grader"] == "math_verify")
    assert set(groups) >= {"fractions", "sets", "intervals", "units", "percent", "tuples", "text", "malicious"}
    assert min(groups.values()) >= 10
    outcomes = Counter(row["outcome"] for row in PAIRS)
    assert outcomes["correct"] >= 150 and outcomes["wrong"] >= 150 and outcomes["no answer"] and outcomes["failed"]
    assert len({(row["grader"], row["reference"], row["written"]) for row in PAIRS}) == len(PAIRS)


MISTAKES: dict[tuple[str, str], Callable[[pytest.MonkeyPatch], None]] = {
    ("numeric", "units are not looked at"): lambda patch: patch.setattr(
        quantities, "same_unit", lambda one, other: Fraction(1)
    ),
    ("math_verify", "open and closed intervals are one"): lambda patch: patch.setattr(
        math_verify_grader, "brackets", lambda text: ""
    ),
    ("math_verify", "words are products of letters"): lambda patch: patch.setattr(
        math_verify_grader, "_is_words", lambda text: False
    ),
    ("math_verify", "units of expressions are not looked at"): lambda patch: patch.setattr(
        math_verify_grader, "_units", lambda text: []
    ),
    ("integer", "the first box counts"): lambda patch: patch.setattr(
        final_answer,
        "_last_boxed",
        lambda text: text.split("\\boxed{", 1)[1].split("}", 1)[0] if "\\boxed{" in text else None,
    ),
    ("numeric", "any number of a list counts"): lambda patch: patch.setattr(
        numeric_grader, "right_side", lambda text: text.split("=")[-1]
    ),
    ("multiple_choice", "denied choices count"): lambda patch: patch.setattr(
        multiple_choice_grader, "_DENIED", multiple_choice_grader.re.compile("(?!)")
    ),
    ("tatqa", "scales are not looked at"): lambda patch: patch.setattr(tatqa_metric, "_scale", lambda word: 1.0),
}


@pytest.mark.parametrize(("grader", "mistake"), list(MISTAKES))
def test_a_grader_with_a_mistake_disagrees(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, grader: str, mistake: str
) -> None:
    MISTAKES[grader, mistake](monkeypatch)
    assert disagreements(registry, [row for row in PAIRS if row["grader"] == grader and row["group"] != MALICIOUS])
