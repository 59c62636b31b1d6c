"""What a decode of a spec would come to on its cluster, simulated on a few problems and carried on in steady state."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from cordspec.extension.component import Unavailable
from cordspec.extension.kinds.search import Search
from cordspec.extension.registry import Registry
from cordspec.model import Experiment
from cordspec.plan.assumptions import Assumptions
from cordspec.run.simulating.measures import EngineUse, fitting, problems_an_hour, uses
from cordspec.run.simulating.settings import Settings
from cordspec.run.simulating.simulation import simulate

BEYOND = 24
"""So many more problems are simulated than are in flight."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """A simulated decode. ``problems`` were simulated, ``in_flight`` at a time; ``seconds`` is the mean of one from its
    first step to its answer among the others. ``why`` says why there is none; then all numbers are 0.
    """

    decode: str
    why: str = ""
    problems: int = 0
    in_flight: int = 0
    hourly: float = 0.0
    seconds: float = 0.0
    hours: float | None = None
    engines: tuple[EngineUse, ...] = ()


def forecast(
    experiment: Experiment, decode: str, items: int | None, assumed: Assumptions, registry: Registry
) -> Forecast:
    """The forecast of one decode of ``items`` problems, None where their number is not known."""
    why = "; ".join(_lacking(experiment, decode))
    if why:
        return Forecast(decode, why)
    try:
        return _played(experiment, decode, items, assumed, registry)
    except Unavailable as error:
        return Forecast(decode, str(error))


def _played(
    experiment: Experiment, decode: str, items: int | None, assumed: Assumptions, registry: Registry
) -> Forecast:
    search = experiment.blocks[experiment.decode(decode).search.name].component
    assert search is not None and issubclass(search, Search)
    settings = Settings(1, 1, "one by one" if search.unit == "step" else "count", assumed=assumed)
    in_flight = min(fitting(experiment, decode, settings, registry), experiment.options.in_flight)
    problems = min(in_flight + BEYOND, items or in_flight + BEYOND)
    done = simulate(experiment, decode, replace(settings, problems=problems, in_flight=in_flight), registry)
    each = uses(done)
    hourly = problems_an_hour(done, each)
    mean = sum(one.seconds for one in done.problems) / problems
    hours = items / hourly if items is not None else None
    return Forecast(decode, "", problems, done.at_a_time, hourly, mean, hours, tuple(each))


def _lacking(experiment: Experiment, decode: str) -> Iterator[str]:
    """Why a decode cannot be simulated."""
    options = experiment.decode(decode)
    search = experiment.blocks[options.search.name]
    assert search.component is not None and issubclass(search.component, Search)
    machine = search.component(search.options)
    if machine.matched is not None or machine.integrator is not None:
        yield f"what `{search.name}` asks for is known when it runs"
    if experiment.options.cluster is None:
        yield "it needs a `cluster` in the experiment block"
    scorer = experiment.blocks[options.scorer.name]
    wanted = [ref for ref, _ in experiment.pool(options.pool.name).members]
    wanted += [ref for _, ref in scorer.refs() if ref.kind == "model"]
    for name in dict.fromkeys(ref.name for ref in wanted):
        model = experiment.model(experiment.blocks[name])
        facts = model.facts()
        if facts.parameters is None or facts.kv_bytes is None:
            yield f"the size of {name} is not known"
        elif not model.gpus:
            yield f"{name} runs on no GPU"
