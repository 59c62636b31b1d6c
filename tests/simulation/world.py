"""A simulated world: clocks, engines and disks that outlive the processes in it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random

from cordspec.run.admission import Admission, Seat
from tests.simulation.engine import WorldlyEngine
from tests.simulation.experiments import Drawn
from tests.simulation.faults import DISK, Faults, Kind, disk_error
from tests.simulation.record import Record


class Crash(SystemExit):
    """The simulated process ends here, as if it were killed. It is a `SystemExit`, since an event loop lets only that through."""


class World:
    """What surrounds the processes of one seed. Without faults nothing goes wrong in it."""

    def __init__(self, drawn: Drawn, rng: Random, faults: Faults | None, record: Record) -> None:
        self.drawn = drawn
        self.rng = rng
        self.faults = faults
        self.record = record
        self.away: dict[str, float] = {}
        """Until when a model cannot be asked, in seconds."""
        self.slow: dict[str, float] = {}
        self.seats: list[tuple[Admission, Seat]] = []
        """Those of the problems that were begun in the process that runs."""
        self.failed_disk = ""
        """The error that all writes of this process give from now on."""
        self._wall = 1.8e9
        self.on_crash: Callable[[], None] = lambda: None
        self.main: asyncio.Task[object] | None = None
        """The task of the process that runs."""
        self.stopped_at: float | None = None
        """When the process was told to stop."""

    def engine(self, model: str, fingerprint: str) -> WorldlyEngine:
        return WorldlyEngine(self, model, fingerprint)

    def wall_clock(self) -> float:
        """What the clock on the wall says, in seconds: it may jump either way."""
        return self._wall + self.record.now

    def jump_clock(self) -> None:
        self._wall += self.rng.choice((-1, 1)) * 10 ** self.rng.uniform(0, 7.5)

    def strike(self, kind: Kind) -> list[str]:
        """The faults of a call that was just made."""
        self.record.points += 1
        if self.faults is None or not self.record.alive:
            return []
        return self.faults.at_ask(kind, len(self.record.kept))

    def outage(self) -> float:
        assert self.faults is not None
        return self.faults.outage()

    def at_point(self, name: str) -> None:
        """The hook of the product's fault points."""
        if name == "journal.after_commit":
            self.record.committed()
        self.record.points += 1
        if self.faults is None or not self.record.alive:
            return
        if self.failed_disk and name.startswith(DISK):
            raise disk_error(self.failed_disk)
        match self.faults.at_point(name):
            case "":
                return
            case "crash":
                self.record.note("crash at", name)
                self._crash()
            case "stop":
                self.record.note("stop at", name)
                self.stop_in(0.0)
            case disk:
                self.record.note(disk, "at", name)
                self.record.blow("E702")
                self.failed_disk = disk
                raise disk_error(disk)

    def crash_in(self, seconds: float) -> None:
        asyncio.get_running_loop().call_later(seconds, self._crash)

    def stop_in(self, seconds: float) -> None:
        asyncio.get_running_loop().call_later(seconds, self._stop)

    def _crash(self) -> None:
        if self.record.alive:
            self.record.note("crash")
            self.on_crash()
            self.record.alive, self.record.crashed = False, True
            asyncio.get_running_loop().stop()  # the exception alone may be held up where a `finally` waits for something
            raise Crash

    def _stop(self) -> None:
        if self.record.alive and self.main is not None and not self.main.done():
            self.record.note("stop")
            self.stopped_at = self.record.now
            self.main.cancel()
