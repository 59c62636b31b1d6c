"""Deterministic simulation: the real executor, driver and journal among engines, disks and operators that fail, in virtual time.

Whatever is injected: no acknowledged answer is lost or changed, nothing is used before it is kept, what was decided stays
decided, a run ends by itself and for a reason, it leaves nothing behind, and its result is that of a run without faults.
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from tests.simulation.bugs import BUGS, Bug
from tests.simulation.faults import BLOCKING, DISK_ERRORS, FATAL_ANSWERS, HARMLESS
from tests.simulation.plain import EXPERIMENTS, without_faults
from tests.simulation.playing import FEWEST, MOST, Played, play

ROOT = Path(__file__).parents[2]
SEEDS = 2_000
CHUNK = 250


@pytest.fixture(autouse=True, scope="module")
def frozen() -> Iterator[None]:
    """Each seed ends with a collection of garbage: what was there before need not be looked through."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


def played(seeds: Iterable[int]) -> list[Played]:
    """Seeds that violate nothing, with their numbers of faults; a run may be over before it has had them, seldom."""
    found = [play(seed) for seed in seeds]
    assert not [one.told() for one in found if one.violations]
    counts = [sum(one.faults.values()) for one in found if not one.set_aside]
    assert max(counts) <= MOST and sum(count < FEWEST for count in counts) <= len(found) / 100
    return found


def test_a_sample_of_seeds_violates_nothing_and_has_faults_of_every_kind() -> None:
    found = played(range(60))
    faults = sum((one.faults for one in found), Counter())
    assert set(faults) >= {*BLOCKING, *HARMLESS, *DISK_ERRORS, "crash", "stop", "garbled"}
    endings = Counter(ending.how for one in found for ending in one.endings)
    assert set(endings) == {"finished", "failed", "stopped", "crashed"} and endings["finished"] == 60
    assert sum(one.compared for one in found) > 20, "as many are compared with a run without faults"
    assert 0 < sum(one.asked_again for one in found) <= sum(one.at_risk for one in found)


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, SEEDS, CHUNK))
def test_two_thousand_seeds_violate_nothing(first: int) -> None:
    faults = sum((one.faults for one in played(range(first, first + CHUNK))), Counter())
    assert set(faults) >= {*FATAL_ANSWERS, "crash later", "stop later"}


def test_a_seed_is_played_again_exactly() -> None:
    """In another process too, with another order of sets."""

    def trace(seed: int, hashing: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "tests.simulation", str(seed)],
            capture_output=True, text=True, check=True, env={**os.environ, "PYTHONHASHSEED": hashing},
            cwd=ROOT,
        )  # fmt: skip
        return done.stdout

    for seed in (3, 8):
        here = play(seed)
        assert play(seed).lines == here.lines
        for hashing in ("1", "2"):
            said = trace(seed, hashing)
            assert here.digest in said and "\n".join(here.lines) in said


def with_bug(bug: Bug, seed: int) -> Played:
    """A seed as the product would play it with the bug; what the experiment comes to is asked of the product without."""
    without_faults(seed % EXPERIMENTS)
    with bug.install():
        return play(seed)


def test_a_seed_that_fails_says_how_to_play_it_again() -> None:
    bug = BUGS["an absence is forgotten"]
    broken = next(one for seed in range(100) if (one := with_bug(bug, seed)).violations)
    assert with_bug(bug, broken.seed).digest == broken.digest, "a failure is played again exactly"
    assert f"python -m tests.simulation {broken.seed}" in broken.told() and broken.violations[0] in broken.told()


@pytest.mark.parametrize("name", BUGS)
def test_a_bug_is_found(name: str) -> None:
    """Long before the two thousandth seed."""
    bug = BUGS[name]
    assert any(bug.told in said for seed in range(200) for said in with_bug(bug, seed).violations)
