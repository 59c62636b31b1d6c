"""What an experiment comes to without faults: made once for all seeds that play it."""

from __future__ import annotations

import gc
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random

from tests.simulation.directory import results
from tests.simulation.experiments import Drawn, draw
from tests.simulation.process import live, watched
from tests.simulation.record import Record
from tests.simulation.world import World

EXPERIMENTS = 500
"""Different ones; several seeds play each."""
SMALLEST = 20
"""Calls of an experiment that is worth so many faults."""


@dataclass(frozen=True, slots=True)
class Plain:
    """A run without faults: what it asked, the fault points that it passed, and its results by file."""

    drawn: Drawn
    calls: int
    points: int
    results: dict[str, str]


@cache
def without_faults(number: int) -> Plain:
    """The experiment of a number, large enough for things to go wrong, and what comes of it.

    Raises:
        AssertionError: it does not run even without faults.
    """
    rng = Random(number)
    while True:
        drawn = draw(rng)
        record = Record(drawn.in_flight)
        world = World(drawn, Random(0), None, record)
        with scratch() as root:
            with watched(world):
                ending = live(world, root)
            if record.violations or ending.how != "finished":
                raise AssertionError(f"without faults: {ending.how} {ending.code} {record.violations}\n{drawn.text}")
            if record.calls >= SMALLEST:
                return Plain(drawn, record.calls, record.points, results(root))


@contextmanager
def scratch() -> Iterator[Path]:
    """A directory in memory where there is such a place: nothing is tested here of how a disk keeps what is synced."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None, prefix="cordspec-") as root:
        yield Path(root)
        gc.collect()  # a task whose failure nobody asked for says so now
