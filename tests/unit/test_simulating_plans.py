"""`plan --simulate`, what it refuses, and simulated engines beside stored answers of an independent model of serving."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from dataclasses import replace

import pytest

from cordspec.extension.registry import Registry
from cordspec.plan.assumptions import Assumptions
from cordspec.run.simulating.forecast import forecast
from cordspec.run.simulating.timing import Timing
from tests.unit.simulated import SPEC, paper, timing

Run = Callable[..., subprocess.CompletedProcess[str]]
ANSWERS = json.loads((SPEC.parents[1] / "benchmarks" / "results" / "simulator_check.json").read_text())["answers"]
SMALL = ("--assume", "steps=3", "--assume", "step_tokens=60")


def test_a_plan_tells_simulated_hours_beside_those_of_arithmetic(cordspec: Run) -> None:
    done = cordspec("plan", str(SPEC), *SMALL, "--set", "hetero_beam4.in_flight=6", "--simulate")
    assert done.returncode == 0, done.stderr
    assert "SIMULATED" in done.stdout and "by arithmetic" in done.stdout and "nothing is measured" in done.stdout
    row = next(line for line in done.stdout.splitlines() if line.startswith("traces ") and " qwq " not in line)
    assert row
    plain = cordspec("plan", str(SPEC), *SMALL, "--set", "hetero_beam4.in_flight=6")
    assert "SIMULATED" not in plain.stdout and done.stdout.startswith(plain.stdout.rstrip())


def test_every_simulated_number_is_in_the_json(cordspec: Run) -> None:
    done = cordspec("plan", str(SPEC), *SMALL, "--set", "hetero_beam4.in_flight=6", "--simulate", "--format", "json")
    found = json.loads(done.stdout)["simulated"][0]
    assert (found["decode"], found["in_flight"], found["problems"], found["why"]) == ("traces", 6, 30, "")
    assert found["hours"] == pytest.approx(817 / found["hourly"])
    assert {one["model"] for one in found["engines"]} == {"qwq", "r1", "phi4"}


def test_what_cannot_be_simulated_is_said(cordspec: Run) -> None:
    done = cordspec("plan", str(SPEC.parent / "hello.cord"), "--simulate")
    assert done.returncode == 0
    assert "not simulated: it needs a `cluster` in the experiment block" in done.stdout


def test_a_model_that_does_not_fit_is_said() -> None:
    tight = paper("r1.gpus=1", "hetero_beam4.cluster={ gpus = 8, gpu_memory = 70GiB }")
    found = forecast(tight, "traces", 10, Assumptions(steps=25), Registry())
    assert "does not fit beside the weights of r1" in found.why


def residual(it: Timing, what: str, tokens: int, batch: int, theirs: float) -> float:
    mine = it.iteration(batch, batch * tokens) if what == "iteration" else it.iteration(tokens, 0)
    return 1_000 * mine / theirs - 1


def test_iterations_agree_with_an_independent_model() -> None:
    """AIConfigurator's seconds for a 32B model on two and four H100s: nothing was fitted to them."""
    points = [one for one in ANSWERS if one[0] != "serving"]
    assert len(points) == 36
    found = [residual(timing(gpus), what, tokens, batch, theirs) for what, gpus, tokens, batch, theirs in points]
    assert all(abs(one) < 0.35 for one in found)


@pytest.mark.parametrize("lost", ["state", "weights", "token"])
def test_a_model_without_one_of_its_terms_does_not(lost: str) -> None:
    found = [
        residual(replace(timing(gpus), **{lost: 0.0}), what, tokens, batch, theirs)
        for what, gpus, tokens, batch, theirs in ANSWERS
        if what != "serving"
    ]
    assert any(abs(one) > 0.5 for one in found)
