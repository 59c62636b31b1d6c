"""Made-up problems on their way through a real driver: when each began and ended."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from cordspec.domain.problem import Problem
from cordspec.run.admission import Admission, Seat
from cordspec.run.driver import Driver, SearchRecord, WaveRecord
from cordspec.run.simulating.settings import Settings
from cordspec.run.simulating.texts import marked
from cordspec.run.stages.decode import resident


@dataclass(frozen=True, slots=True)
class SimulatedProblem:
    """One problem: when its search began and ended, in seconds, and what came of it."""

    begin: float
    end: float
    record: SearchRecord

    @property
    def seconds(self) -> float:
        return self.end - self.begin


@dataclass(slots=True)
class Decoding:
    """The problems of one decode, let in as `Settings.entry` says."""

    settings: Settings
    admission: Admission
    _seats: dict[str, Seat] = field(default_factory=dict)
    _done: dict[int, SimulatedProblem] = field(default_factory=dict)
    _turn: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(1))
    """Held by the problem that is in its first wave, where they come one by one."""

    def on_wave(self, record: SearchRecord, wave: WaveRecord) -> None:
        """What a run does after each wave."""
        self._seats[record.problem.id].holds(resident(wave))
        self.admission.look()
        if wave.number == 1 and self.settings.entry == "one by one":
            self._turn.release()

    async def run(self, driver: Driver) -> tuple[SimulatedProblem, ...]:
        """Decode all problems."""
        reference = marked("answer", self.settings.assumed.reference_tokens)
        names = (f"problem {self.settings.seed}-{number}" for number in range(self.settings.problems))

        async def one(place: int, problem: Problem, seat: Seat) -> None:
            self._seats[problem.id] = seat
            if self.settings.entry == "one by one":
                await self._turn.acquire()
            begin = asyncio.get_running_loop().time()
            record = await driver.decode(problem)
            self._done[place] = SimulatedProblem(begin, asyncio.get_running_loop().time(), record)

        await self.admission.each((Problem(name, reference) for name in names), one)
        return tuple(self._done[place] for place in sorted(self._done))
