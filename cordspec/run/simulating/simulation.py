"""A decode of an experiment in virtual time: its own driver, search, scorer, segmenter, gateways and journal, on engines that
are simulated.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from cordspec.artifacts.store import RunDirectory
from cordspec.extension.kinds.segmenter import Segmenter
from cordspec.extension.registry import Registry
from cordspec.journal import Journal
from cordspec.model import Experiment
from cordspec.plan import Graph
from cordspec.run.admission import Admission
from cordspec.run.assembling import assemble
from cordspec.run.engine_use import EngineUse
from cordspec.run.events import Silence
from cordspec.run.ledger import Ledger
from cordspec.run.simulating.clock import run_virtually
from cordspec.run.simulating.decoding import Decoding, SimulatedProblem
from cordspec.run.simulating.engine import SimulatedEngine
from cordspec.run.simulating.models import SimulatedModels
from cordspec.run.simulating.settings import Settings
from cordspec.run.simulating.writer import Writer
from cordspec.run.stages.decode import largest_need
from cordspec.run.workshop import Engines, Workshop


@dataclass(frozen=True, slots=True)
class Simulated:
    """A simulated decode."""

    problems: tuple[SimulatedProblem, ...]
    engines: Mapping[str, SimulatedEngine]
    ledger: Ledger
    at_a_time: int
    """The most problems that were under way at a time."""

    @property
    def seconds(self) -> float:
        """Until the last problem was over."""
        return max(one.end for one in self.problems)

    @property
    def steady(self) -> tuple[float, float]:
        """The window between warm-up and tail: from when the first problem has ended, and as many have begun as ever were
        under way, to when the last one begins. Where there is no such time, the whole.
        """
        begins = sorted(one.begin for one in self.problems)
        begin = max(min(one.end for one in self.problems), begins[self.at_a_time - 1])
        return (begin, begins[-1]) if begin < begins[-1] else (0.0, self.seconds)

    @property
    def tokens(self) -> int:
        """Tokens generated for proposals, over all problems."""
        return sum(one.record.generated for one in self.problems)


def simulate(experiment: Experiment, decode: str, settings: Settings, registry: Registry | None = None) -> Simulated:
    """Run a decode on simulated engines with made-up problems.

    Raises:
        CordspecError: what a run would raise too, such as that a request does not fit into an engine.
    """
    return run_virtually(_simulate(experiment, decode, settings, registry or Registry()))


async def _simulate(experiment: Experiment, decode: str, settings: Settings, registry: Registry) -> Simulated:
    ledger = Ledger()
    with Journal(Path(":memory:")) as journal:
        models = SimulatedModels(experiment, Engines(journal), _writer(experiment, decode, settings), settings)
        shop = Workshop(experiment, Graph(experiment.name, ()), registry, RunDirectory(Path()), {}, models, Silence())
        room = EngineUse(models.gateways, ()).room if settings.entry == "memory" else lambda: 0
        driver, context = assemble(shop, decode, ledger, lambda record, wave: None)
        largest = largest_need(driver.search, len(driver.pool.teachers), experiment.decode(decode).budget)
        decoding = Decoding(settings, Admission(settings.in_flight, room, largest))
        try:
            done = await decoding.run(
                replace(driver, eager=settings.eager, guesses=settings.guesses, on_wave=decoding.on_wave)
            )
        finally:
            context.close()
    return Simulated(done, models.opened, ledger, decoding.admission.peak)


def _writer(experiment: Experiment, decode: str, settings: Settings) -> Writer:
    block = experiment.blocks[experiment.decode(decode).segmenter.name]
    assert block.component is not None and issubclass(block.component, Segmenter)
    return Writer(block.component(block.options), settings.assumed, settings.cv)
