"""Bar 2 on `specs/miniature.cord`. These thresholds were committed before the run that they judge."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import pytest

from cordspec import api
from cordspec_mini.models import CHECKPOINTS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2_400)]

AHEAD_OF_SINGLE = 0.30
"""CoRD's traces are right at least this much more often than the best teacher's single samples."""
LARGEST_P = 0.01
BASE_AT_LEAST = 0.10
STANDARD_ERRORS = 3.0
TOKENS_AGREE = 0.02
PROBLEMS = 300


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("miniature")


@pytest.fixture(scope="module")
def report(root: Path, out: Path) -> dict[str, dict]:
    spec = str(root / "specs" / "miniature.cord")
    command = [sys.executable, "-m", "cordspec", "run", spec, "--out", str(out), "--display", "plain"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    print(done.stdout)
    return json.loads((out / "report.json").read_text())


@pytest.fixture(scope="module")
def difference(report: dict[str, dict]) -> Callable[[str, str], tuple[float, float, float]]:
    """Mean difference, its standard error and p of two arms."""

    def find(first: str, second: str) -> tuple[float, float, float]:
        for one in report["comparisons"]:
            sign = {(first, second): 1, (second, first): -1}.get((one["first"], one["second"]))
            if sign:
                return sign * one["difference"]["value"], one["difference"]["standard_error"], one["p"]
        raise AssertionError(f"{first} and {second} are not compared")

    return find


def test_traces_beat_the_best_single_teacher(report: dict[str, dict], difference: Callable) -> None:
    assert report["traces"]["traces"]["accuracy"]["n"] >= PROBLEMS
    for name in ("alone_adder", "alone_subtracter", "alone_multiplier"):
        ahead, _, p = difference("traces", name)
        assert ahead >= AHEAD_OF_SINGLE, (name, ahead)
        assert p < LARGEST_P


def test_traces_beat_curation_at_equal_tokens(report: dict[str, dict], difference: Callable) -> None:
    tokens = [report["traces"][name]["generated_tokens"] for name in ("traces", "curated")]
    assert abs(tokens[1] / tokens[0] - 1) <= TOKENS_AGREE
    ahead, _, p = difference("traces", "curated")
    assert ahead > 0 and p < LARGEST_P


def test_the_student_learns_from_the_traces(report: dict[str, dict], difference: Callable) -> None:
    before = report["evaluations"]["before"]["metrics"]["pass_at_1"]
    assert before["value"] >= BASE_AT_LEAST and before["n"] >= PROBLEMS
    gain, error, _ = difference("after", "before")
    assert gain > STANDARD_ERRORS * error


def test_a_student_of_curation_stands_beside_it(report: dict[str, dict], difference: Callable) -> None:
    assert report["evaluations"]["after_curated"]["metrics"]["pass_at_1"]["n"] >= PROBLEMS
    assert difference("after", "after_curated")


def test_the_hit_rate_ranks_the_teachers_by_kind_of_step_as_their_cards_do(report: dict[str, dict], out: Path) -> None:
    """Planned strengths are recovered, wherever two cards differ by more than two of their standard errors."""
    shares = json.loads(api.stats(out, "traces", None)[0].to_json())["share_by_tag"]
    cards = {name: _errors(name) for name in ("adder", "subtracter", "multiplier")}
    compared = 0
    for skill, share in shares.items():
        for one, other in combinations(cards, 2):
            (first, first_error), (second, second_error) = cards[one][skill], cards[other][skill]
            if abs(first - second) > 2 * math.hypot(first_error, second_error):
                compared += 1
                assert (share[one]["value"] > share[other]["value"]) == (first < second), (skill, one, other)
        best = min(cards, key=lambda name: cards[name][skill])
        others = [share[name]["high"] for name in cards if name != best]
        assert share[best]["low"] > max(others), (skill, best)  # the bands do not even touch
    assert compared >= 8


def _errors(name: str) -> dict[str, tuple[float, float]]:
    """The card's share of wrong steps by skill, with its standard error."""
    rates = json.loads((CHECKPOINTS / name / "card.json").read_text())["inventory"]["step_errors"]
    return {
        skill: (rate["value"], math.sqrt(rate["value"] * (1 - rate["value"]) / rate["n"]))
        for skill, rate in rates.items()
    }
