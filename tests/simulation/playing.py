"""One seed: an experiment, faults, as many processes as it takes, and what must hold whatever happened."""

from __future__ import annotations

import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from random import Random

from tests.simulation import directory as there
from tests.simulation.experiments import Drawn
from tests.simulation.faults import Faults
from tests.simulation.plain import EXPERIMENTS, Plain, scratch, without_faults
from tests.simulation.process import Ending, live, watched
from tests.simulation.record import SHOWN, Record
from tests.simulation.world import World

FEWEST, MOST = 50, 200
"""Faults of a seed."""
SPARE = 20
"""Faults that may find no place: a run may be over before."""
PROCESSES = 400
"""More than this for one run are a run that gets nowhere."""
REPLAYED = 4
"""Of so many results that are those of a run without faults, one is also made again from its journal."""


@dataclass(slots=True)
class Played:
    """What came of a seed."""

    seed: int
    digest: str
    faults: Counter[str]
    violations: list[str]
    lines: list[str]
    endings: list[Ending]
    calls: int
    asked_again: int
    at_risk: int
    seconds: float
    """Virtual seconds."""
    drawn: Drawn
    compared: bool = False
    """Whether the result was that of a run without faults, and not only that of its own journal."""
    set_aside: bool = False
    """Whether problems were given up, which makes a run short."""

    def told(self) -> str:
        """What a failing test shows."""
        return "\n".join([
            f"seed {self.seed} violates:", *(f"  {said}" for said in self.violations[:5]), *self.lines[-SHOWN:],
            f"play it again: python -m tests.simulation {self.seed}",
        ])  # fmt: skip


def play(seed: int) -> Played:
    """Play a seed to its end."""
    rng = Random(seed)
    with scratch() as root:
        plain = without_faults(seed % EXPERIMENTS)
        drawn = plain.drawn
        record = Record(drawn.in_flight)
        count = rng.randint(FEWEST + SPARE, min(MOST, FEWEST + SPARE + plain.calls))
        faults = Faults(
            Random(rng.random()), count, drawn.absence, plain.calls, plain.points, patient="36000s" in drawn.text
        )
        world = World(drawn, Random(rng.random()), faults, record)
        played = Played(seed, "", faults.injected, record.violations, [], [], 0, 0, 0, 0.0, drawn)
        _live_on(world, root, rng, played)
        if not record.violations:
            _compare(world, root, plain, played)
        played.digest, played.lines, played.seconds = record.digest, record.lines, record.now
        played.calls, played.asked_again, played.at_risk = record.calls, record.asked_again, record.at_risk
    return played


def _live_on(world: World, root: Path, rng: Random, played: Played) -> None:
    """One process after the other, until one finishes or something is violated."""
    record, run, snapshot = world.record, root / "run", root / "snapshot"
    littered = False
    while not record.violations:
        world.on_crash = lambda: shutil.copytree(run, snapshot)
        with watched(world):
            ending = live(world, run)
        played.endings.append(ending)
        record.ended()
        if ending.how == "crashed":
            shutil.rmtree(run)
            snapshot.rename(run)
            littered = True
        if ending.how == "finished" or not littered:
            there.check_tidy(run, record)
        record.found(there.answers_in(run, root / "aside"))
        there.check_whole(run, record)
        if ending.how == "finished":
            there.check_conserved(run, world.drawn, record)
            return
        if not 0 <= ending.done <= ending.total <= world.drawn.problems:
            record.violate(f"{ending.done} of {ending.total} problems are said to be done")
        if len(played.endings) > PROCESSES:
            record.violate("the run gets nowhere")
        record.now += rng.choice((1.0, 60.0, 1_800.0))
        if ending.code == "E601" and rng.random() < 0.7:
            record.now = max(record.now, *world.away.values(), 0.0)


def _compare(world: World, root: Path, plain: Plain, played: Played) -> None:
    """The result is that of a run without faults, unless faults changed answers; and it is that of its journal."""
    record, run = world.record, root / "run"
    found = there.results(run)
    played.set_aside = there.set_aside(run)
    changed = world.drawn.absence == "degrade" or played.faults["garbled"] or played.set_aside
    if not changed:
        played.compared = True
        _differ(record, "a run without faults", plain.results, found)
    again = root / "again"
    again.mkdir()
    shutil.copyfile(run / "run.db", again / "run.db")
    world.faults = None
    for where, what in ((again, "the same journal"), (run, "the same directory")):
        if where == again and played.compared and played.seed % REPLAYED:
            continue
        calls = record.calls
        with watched(world):
            ending = live(world, where)
        guessed = where == again and "speculate = 0" not in world.drawn.text  # what is guessed depends on time
        if ending.how != "finished" or (record.calls != calls and not guessed):
            record.violate(f"a run of {what} is {ending.how} and asks {record.calls - calls} calls")
            return
        _differ(record, what, there.exact_results(run), there.exact_results(where))


def _differ(record: Record, what: str, wanted: dict[str, str], found: dict[str, str]) -> None:
    for name, text in wanted.items():
        if found[name] != text:
            record.violate(f"{name} is not that of {what}")
