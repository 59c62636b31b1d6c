"""Real processes, killed with SIGKILL at fault points and at any time, again and again: nothing is lost, doubled or changed.

The full figures are `slow`; a sample of them, and the bugs that the oracles must find, are not.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.durability.engine import ENVIRONMENT
from tests.durability.harness import ROOT, SLOWEST, Kill, Run, Stage, in_memory, spread
from tests.durability.specs import SEARCHES

FULL = {"beam": (150, 20), "greedy": (75, 10), "mcts": (100, 10), "curation": (75, 10), "integration": (75, 10)}
"""Kill points at fault points, and kills at random times."""
REACHED = 0.85
"""Of these so many must be reached: a process may pass a point less often than the one that was counted."""
CHAINS, KILLS = 30, 300


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with in_memory() as directory, Stage(directory) as stage:
        yield stage


@pytest.fixture
def on_disk(tmp_path: Path) -> Iterator[Stage]:
    with Stage(tmp_path) as stage:
        yield stage


def killed_once(stage: Stage, search: str, kills: Sequence[Kill], **more: Any) -> tuple[set[Kill], list[list[str]]]:
    """Each kill in a run of its own: which of them were reached, and what the oracles found of each run."""
    reached, found = set(), []
    for number, kill in enumerate(kills):
        run = stage.run(f"{search}-{kill.point or 'time'}", search, **{"nonce": number % 3 == 2, **more})
        if run.process(kill, report=kill.point == "" or kill.point.startswith("file.")):
            reached.add(kill)
            if not run.wrong:
                run.process(report=False)
        found.append([f"{kill}: {said}" for said in run.judge()])
        run.remove()
    return reached, found


def at_times(stage: Stage, search: str, count: int) -> list[Kill]:
    """Kills at random times of the run, the beginning of the process included."""
    rng = random.Random(search)
    return [Kill(after=rng.uniform(0.005, stage.left_alone(search).seconds)) for _ in range(count)]


def chains(stage: Stage, search: str, count: int, least: int = 0) -> tuple[int, list[str]]:
    """Runs that are killed again whenever they go on: how many kills that took, and what the oracles found. There are
    ``count`` of them, or more where these took fewer kills than wanted.
    """
    kills, number, wrong = 0, 0, []
    while number < count or kills < least:
        run = stage.run(f"chain-{search}-{number}", search, nonce=number % 2 == 1)
        run.until_done(random.Random(f"{search}{number}"), stage.left_alone(search).passed_again)
        wrong += [f"chain {number} of {search}: {said}" for said in run.judge()]
        kills += len(run.killed)
        run.remove()
        number += 1
    return kills, wrong


def test_a_run_that_is_left_alone_asks_nothing_twice_and_passes_every_fault_point(stage: Stage) -> None:
    passed: set[str] = set()
    for search in SEARCHES:
        alone = stage.left_alone(search)
        assert len(alone.asked) == len(set(alone.asked)) > 40
        passed |= set(alone.passed)
    there = {name for path in (ROOT / "cordspec").rglob("*.py") for name in points(path.read_text())}
    assert there - passed <= {"stage.set_aside"}, "an export passes it: see below"


def points(text: str) -> Iterator[str]:
    """The names of the fault points in a module."""
    for line in text.splitlines():
        _, call, rest = line.partition('faultpoint("')
        if call:
            yield rest.partition('"')[0]


@pytest.mark.parametrize("search", SEARCHES)
def test_a_sample_of_kills(stage: Stage, search: str) -> None:
    kills = spread(stage.left_alone(search).passed, 300)
    some = random.Random(search).sample(kills, 8)
    reached, found = killed_once(stage, search, [*some, *at_times(stage, search, 2)])
    assert not any(found), found
    assert len(reached) >= 6


def test_a_sample_of_chains(stage: Stage) -> None:
    for search in ("beam", "mcts", "integration"):
        kills, wrong = chains(stage, search, 1)
        assert not wrong and kills > 2, wrong


@pytest.mark.slow
@pytest.mark.parametrize("search", FULL)
def test_all_kills(stage: Stage, search: str) -> None:
    points, times = FULL[search]
    kills = [*spread(stage.left_alone(search).passed, points), *at_times(stage, search, times)]
    assert len(set(kills)) == points + times
    reached, found = killed_once(stage, search, kills)
    assert not any(found), [one for one in found if one]
    print(f"{search}: {len(reached)} distinct kill points of {len(kills)} reached")
    assert len(reached) >= REACHED * len(kills)


def test_all_kills_are_enough() -> None:
    assert REACHED * sum(points + times for points, times in FULL.values()) >= 400


@pytest.mark.slow
@pytest.mark.parametrize("search", SEARCHES)
def test_all_chains(stage: Stage, search: str) -> None:
    kills, wrong = chains(stage, search, CHAINS // len(SEARCHES), KILLS // len(SEARCHES))
    assert not wrong, wrong
    print(f"{search}: {kills} kills in chains")


# the oracles find what they are for


@pytest.mark.parametrize(
    ("bug", "oracle", "nonce", "kill"),
    [
        ("arrival_order", "O1", False, Kill("ordered.part", 3)),
        ("arrival_order", "O1", True, Kill("engine.kept", 40)),
        ("global_seed", "error[E714]", False, Kill("engine.kept", 40)),
        ("in_place", "O3", False, Kill("ordered.part", 3)),
        ("rows_dropped", "O2", False, Kill("wave.decided", 9)),
        ("rows_dropped", "O2", True, Kill("wave.decided", 9)),
        ("told_too_early", "O2", True, Kill("journal.before_commit", 30)),
    ],
)
def test_a_bug_is_found_by_its_oracle(stage: Stage, bug: str, oracle: str, nonce: bool, kill: Kill) -> None:
    reached, (said,) = killed_once(stage, "beam", [kill], bug=bug, nonce=nonce)
    assert reached and any(f"{oracle}: " in text for text in said), said


def test_equal_artifacts_alone_do_not_find_what_is_lost_or_written_in_place(stage: Stage) -> None:
    """Why there are other oracles: the artifacts of these two are what they should be."""
    for bug in ("in_place", "rows_dropped"):
        run = stage.run(f"blind-{bug}", "beam", bug=bug)
        assert run.process(Kill("wave.decided", 9)) and not run.process()
        assert not [said for said in run.judge() if "O1" in said]


# the whole command in an interpreter of its own


def started(stage: Stage, run: Run, site: Path) -> subprocess.Popen[str]:
    paths = [str(site), str(ROOT), str(ROOT / "plugins"), os.environ.get("PYTHONPATH", "")]
    server = (
        f'{{"socket": "{stage.server.socket}", "run": "{run.name}", "attempt": {run.attempts}, "nonce": false,'
        f' "slowest": {10 * SLOWEST}, "shuffle": "{run.attempts}"}}'
    )
    work = stage.directory / "work"
    work.mkdir(exist_ok=True)
    return subprocess.Popen(
        [sys.executable, "-m", "cordspec", "run", str(stage.specs[run.search]), "--out", str(run.out), "--display", "plain"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=work,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths)), ENVIRONMENT: server},
    )  # fmt: skip


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the plugin of these tests looks installed."""
    site = tmp_path_factory.mktemp("site")
    info = site / "cordspec_durable-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: cordspec-durable\nVersion: 1.0\n")
    module = "tests.durability.engine"
    (info / "entry_points.txt").write_text(f"[cordspec]\nmodel.durable = {module}\nstudent.copying = {module}\n")
    return site


def test_the_command_itself_is_killed_and_given_again(on_disk: Stage, site: Path) -> None:
    stage = on_disk
    run = stage.run("command", "beam")
    for enough in (20, 60):
        run.attempts += 1
        process = started(stage, run, site)
        deadline = time.monotonic() + 120
        while process.poll() is None and len(stage.server.asked(run.name)) < enough and time.monotonic() < deadline:
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        _, said = process.communicate()
        assert process.returncode == -signal.SIGKILL, said
        run.killed.append(run.attempts)
    run.attempts += 1
    process = started(stage, run, site)
    _, said = process.communicate(timeout=300)
    assert process.returncode == 0, said
    assert not run.judge()
    asked = stage.server.asked(run.name)
    whole = len(stage.left_alone("beam").asked)
    assert whole <= len(asked) < whole * 1.8, "it began anew, and did not go on"
