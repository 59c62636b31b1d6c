"""What a simulated decode came to: problems an hour, how busy each engine was, what requests waited. All of it simulated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil

from cordspec.extension.registry import Registry
from cordspec.model import Experiment
from cordspec.run.simulating.settings import Settings
from cordspec.run.simulating.simulation import Simulated, simulate
from cordspec.run.simulating.timeline import Shares


@dataclass(frozen=True, slots=True)
class EngineUse:
    """One replica in the window between warm-up and tail, and over the whole run what its requests waited."""

    model: str
    replica: int
    shares: Shares
    mean_wait: float
    late_wait: float
    """The wait, in seconds, that 95 of 100 requests stayed below."""
    computed: int
    """Prompt tokens computed, over the whole run."""
    generated: int


def uses(done: Simulated) -> list[EngineUse]:
    """Every replica of a simulated decode."""
    found = []
    for model, engine in done.engines.items():
        for number, replica in enumerate(engine.replicas):
            waits, counters = sorted(replica.waits), replica.counters
            late = waits[ceil(0.95 * len(waits)) - 1] if waits else 0.0
            mean = sum(waits) / max(len(waits), 1)
            shares = replica.timeline.shares(*done.steady)
            found.append(EngineUse(model, number, shares, mean, late, counters.prefilled, counters.generated))
    return found


def bottleneck(each: Sequence[EngineUse]) -> str:
    """The model whose memory is the fullest: with more problems in flight it would be the first to have no room."""
    return max(each, key=lambda one: one.shares.held).model


def problems_an_hour(done: Simulated, each: Sequence[EngineUse]) -> float:
    """Problems an hour between warm-up and tail: tokens written there over the tokens that a problem takes."""
    written = sum(one.shares.written for one in each)
    return 3600 * written * len(done.problems) / sum(one.generated for one in each)


def fitting(experiment: Experiment, decode: str, settings: Settings, registry: Registry | None = None) -> int:
    """How many problems fit into the engines: memory over what a problem holds of it on the mean while it is alone."""
    placed = settings.placements.values()
    problems = 2 * max((one.replicas for one in placed), default=1)
    alone = simulate(experiment, decode, replace(settings, problems=problems, in_flight=1), registry)
    room = [
        sum(1 / max(replica.timeline.shares(0.0, alone.seconds).held, 1e-9) for replica in engine.replicas)
        for engine in alone.engines.values()
    ]
    return max(1, int(min(room)))
