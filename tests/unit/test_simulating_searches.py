"""Simulated decodes: the real driver and searches decide alike whatever the schedule, and cost what closed forms say."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

import pytest

from cordspec.domain.scoring import ScoredCandidate
from cordspec.domain.search import Expansion
from cordspec.plan.assumptions import Assumptions
from cordspec.run.simulating.settings import Placement, Settings
from cordspec.run.simulating.simulation import Simulated, simulate
from cordspec_std.searches.beam import BeamMachine
from tests.unit.simulated import paper, timing

T, L, K, B, P, M = 25, 400, 3, 4, 300, 10
ALIKE = ("r1.gpus=2", "phi4.gpus=2", 'phi4.weights="Qwen/QwQ-32B"')
"""Three teachers of one size on two GPUs each."""
QUICK = Assumptions(steps=6, step_tokens=100)


def decided(done: Simulated) -> list[list[object]]:
    return [[wave.decision for wave in one.record.waves] for one in done.problems]


def generated(done: Simulated) -> int:
    return sum(engine.counters.generated for engine in done.engines.values())


def test_a_schedule_decides_nothing() -> None:
    """One problem at a time or all at once, waiting for waves or not, on more GPUs or fewer: the same decisions."""
    alone = simulate(paper(), "traces", Settings(6, 1, assumed=QUICK))
    assert len({str(one) for one in decided(alone)}) == 6
    other = {"qwq": Placement(2, 2), "r1": Placement(2), "phi4": Placement(1, 2)}
    for settings in (
        Settings(6, 6, assumed=QUICK),
        Settings(6, 3, assumed=QUICK, eager=False),
        Settings(6, 6, assumed=QUICK, placements=other, guesses=4),
    ):
        assert decided(simulate(paper(), "traces", settings)) == decided(alone)


def test_the_same_simulation_takes_the_same_seconds() -> None:
    settings = Settings(5, 5, assumed=QUICK)
    times = [[one.end for one in simulate(paper(), "traces", settings).problems] for _ in range(2)]
    assert times[0] == times[1]


def test_the_search_of_the_paper_costs_what_the_closed_forms_say() -> None:
    """Generated tokens, and prompt tokens computed by a teacher that proves and by one that does not."""
    done = simulate(paper(), "traces", Settings(2, 1))
    calls = K + K * K + (T - 2) * B * K
    for one in done.problems:
        assert len(one.record.waves) == T
        assert sum(len(wave.answered) for wave in one.record.waves) == calls
        assert one.record.trajectory is not None and one.record.trajectory.finished
        lengths = [a.proposal.generated for wave in one.record.waves for a in wave.answered if a.proposal]
        assert one.record.generated == sum(lengths) == pytest.approx(calls * L, rel=0.1)
    counted = done.ledger.roles["teacher"].generated_tokens
    assert generated(done) == counted == done.tokens + 2 * Assumptions().answer_tokens
    qwq, r1 = done.engines["qwq"].counters, done.engines["r1"].counters
    foreign = 2 / 3 * done.tokens
    assert qwq.prefilled == pytest.approx(2 * P + foreign + 2 * calls * (8 + M + 7), rel=0.05)
    survivors = 2 / 3 * 2 * T * B * L
    assert r1.prefilled == pytest.approx(2 * P + survivors + 2 * calls / K * 8, rel=0.2)


def test_a_lone_problem_waits_for_the_longest_of_twelve() -> None:
    """With teachers that are alike: seconds of a wave over those of a mean step, against draws of the same lengths."""
    done = simulate(paper(*ALIKE), "traces", Settings(6, 1, eager=False))
    mean = L * (timing().weights + timing().constant)
    waves = sum(one.seconds for one in done.problems) / 6 / T / mean
    assert waves == pytest.approx(longest(12, 0.5), rel=0.06)
    assert waves > 1.1 * longest(4, 0.5)


def longest(count: int, cv: float) -> float:
    """The mean of the longest of so many lognormal draws of mean 1."""
    rng, spread = random.Random(7), math.log(1 + cv * cv)
    draws = [max(rng.lognormvariate(-spread / 2, math.sqrt(spread)) for _ in range(count)) for _ in range(20_000)]
    return sum(draws) / len(draws)


def test_what_is_certain_begins_early_and_costs_nothing() -> None:
    waiting = simulate(paper(), "traces", Settings(3, 1, eager=False))
    eager = simulate(paper(), "traces", Settings(3, 1))
    assert decided(eager) == decided(waiting)
    assert generated(eager) == generated(waiting)
    assert eager.seconds < waiting.seconds


def test_a_wave_that_begins_before_it_is_certain_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """A search that takes the best so far for certain: the results stay, tokens are wasted."""
    sure = BeamMachine.foresee

    def hasty(self: BeamMachine, known: Sequence[ScoredCandidate], pending: int) -> Sequence[Expansion]:
        return sure(self, known, 0)

    waiting = simulate(paper(), "traces", Settings(3, 1, eager=False))
    monkeypatch.setattr(BeamMachine, "foresee", hasty)
    eager = simulate(paper(), "traces", Settings(3, 1))
    assert decided(eager) == decided(waiting)
    assert generated(eager) > 1.1 * generated(waiting)


def test_curation_writes_whole_traces() -> None:
    done = simulate(paper(), "curated", Settings(4, 4))
    assert [len(wave.answered) for one in done.problems for wave in one.record.waves] == [6] * 4
    assert all(one.record.trajectory and len(one.record.trajectory.steps) == T for one in done.problems)
    assert done.tokens == pytest.approx(4 * 6 * T * L, rel=0.1)


def test_problems_are_spread_over_replicas_and_stay_there() -> None:
    placed = {"qwq": Placement(2, 2), "r1": Placement(2), "phi4": Placement(1, 2)}
    done = simulate(paper(), "traces", Settings(4, 4, assumed=QUICK, placements=placed))
    alone = simulate(paper(), "traces", Settings(4, 4, assumed=QUICK))
    each = [replica.counters for replica in done.engines["qwq"].replicas]
    assert min(one.requests for one in each) > 0.9 * max(one.requests for one in each)
    assert sum(one.prefilled for one in each) == alone.engines["qwq"].counters.prefilled
