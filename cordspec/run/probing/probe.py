"""`cordspec probe`: a few problems of one decode, looked at closely. Its answers are journaled like those of a run."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from cordspec.artifacts.probes import PROBE, Probe
from cordspec.artifacts.store import RunDirectory
from cordspec.diagnostics import Diagnostic
from cordspec.domain.problem import Problem
from cordspec.errors import UsageError
from cordspec.extension.kinds.search import Search
from cordspec.extension.registry import Registry
from cordspec.journal import Journal
from cordspec.model import Experiment
from cordspec.run.assembling import assemble
from cordspec.run.driver import Driver
from cordspec.run.events import Silence
from cordspec.run.gather import gather
from cordspec.run.identities import Identities
from cordspec.run.ledger import Ledger
from cordspec.run.preparing import prepare
from cordspec.run.probing import costing, measuring, predicting
from cordspec.run.probing.beliefs import beliefs
from cordspec.run.probing.growing import Grower
from cordspec.run.probing.playing import Unplayable
from cordspec.run.probing.settings import ProbeSettings
from cordspec.run.probing.tree import ProblemProbe
from cordspec.run.seeds import derive
from cordspec.run.workshop import Engines, Models, Workshop, component_errors, grader_of

TRACES = (4, 12)
"""Whole traces of each teacher: at least and at most; between them as many as the search makes steps a depth."""


async def probe(
    experiment: Experiment, registry: Registry, out: Path, settings: ProbeSettings, decode: str = ""
) -> Probe:
    """Probe one decode; write `probe.json` into a directory beside the journal of all answers.

    Raises:
        UsageError: the spec has no step-wise decode of this name, or several and none is named.
        CordspecError: as a run.
    """
    name = choose(experiment, decode)
    graph, loaded = prepare(experiment, Identities(None, fetch=True))
    untrained = [stage.block for stage in graph.stages if stage.kind == "train" and stage.block in graph.behind(name)]
    if untrained:
        message = f"the decode `{name}` needs the student `{untrained[0]}`, which only a run trains"
        raise UsageError(Diagnostic("E120", message, help="run it, then probe with its weights as a model"))
    directory = RunDirectory(out)
    directory.create()
    with Journal(directory.journal) as journal:
        engines = Engines(journal)
        try:
            models = Models(experiment, engines)
            problems = {one: held.problems for one, held in loaded.items()}
            shop = Workshop(experiment, graph, registry, directory, problems, models, Silence())
            found = await _probe(shop, name, settings)
        finally:
            await engines.close()
    directory.write(PROBE, found.to_json())
    return found


def choose(experiment: Experiment, name: str) -> str:
    """The decode of this name, or the only one that searches step by step.

    Raises:
        UsageError: there is none, or several and none is named.
    """
    decodes = [block.name for block in experiment.of_kind("decode")]
    stepwise = [one for one in decodes if _is_stepwise(experiment, one)]
    if name and name not in stepwise:
        what = "does not search step by step" if name in decodes else "is not in the spec"
        help = f"those that do: {', '.join(stepwise) or 'none'}"
        raise UsageError(Diagnostic("E120", f"the decode `{name}` {what}", help=help))
    if not name and len(stepwise) != 1:
        message = f"the spec has {len(stepwise) or 'no'} decodes that search step by step"
        help = f"name one with --decode: {', '.join(stepwise)}" if stepwise else "a probe is of such a decode"
        raise UsageError(Diagnostic("E120", message, help=help))
    return name or stepwise[0]


def sample(problems: Sequence[Problem], count: int, seed: int) -> list[Problem]:
    """Some of the problems, in their order; which ones is the experiment's seed's choice."""
    rng = random.Random(derive(seed, "probe"))
    chosen = sorted(rng.sample(range(len(problems)), min(count, len(problems))))
    return [problems[at] for at in chosen]


async def _probe(shop: Workshop, name: str, settings: ProbeSettings) -> Probe:
    experiment = shop.experiment
    options = experiment.decode(name)
    ledger = Ledger()
    driver, context = assemble(shop, name, ledger, lambda *_: None)
    block = experiment.blocks[name]
    grader = grader_of(shop.registry, options.grader, block)
    every = shop.problems[options.problems.name]
    grower = Grower(driver, grader, settings, _traces(driver))
    try:
        with component_errors(block):
            chosen = sample(every, settings.problems, experiment.options.seed)
            slots = asyncio.Semaphore(experiment.options.in_flight)
            probes = await gather(_in_turn(grower, problem, slots) for problem in chosen)
    finally:
        grader.close()
        context.close()
    return _summary(shop, name, driver, ledger, probes, settings)


async def _in_turn(grower: Grower, problem: Problem, slots: asyncio.Semaphore) -> ProblemProbe:
    async with slots:
        return await grower.probe(problem)


def _summary(
    shop: Workshop, name: str, driver: Driver, ledger: Ledger, probes: Sequence[ProblemProbe], settings: ProbeSettings
) -> Probe:
    experiment = shop.experiment
    problems = len(shop.problems[experiment.decode(name).problems.name])
    teachers = tuple(teacher.label for teacher in driver.pool.teachers)
    searches = (driver.search, _curation(shop.registry))
    forecasts: list[predicting.ProblemForecast] = []
    try:
        forecasts = [
            predicting.forecast(one, believed, searches, teachers, driver.pool.weights, settings)
            for one, believed in zip(probes, beliefs(probes), strict=True)
        ]
        winner = predicting.winner(forecasts, settings)
    except Unplayable as unseen:
        winner = predicting.not_predicted(f"the search cannot be played from what a probe sees: {unseen}")
    hours = costing.cluster_hours(experiment, shop.graph, name, problems, probes)
    return Probe(
        experiment.name, name, experiment.options.seed, asdict(settings), measuring.depths(probes, settings),
        measuring.saturation(probes, settings), measuring.habits(probes, teachers, settings),
        costing.costs(forecasts, probes, ledger, problems, hours, settings), winner, costing.spent(ledger),
        predicting.ASSUMPTIONS,
    )  # fmt: skip


def _traces(driver: Driver) -> int:
    """Whole traces of each teacher: as many as the search makes steps of it at a depth, which is what equal tokens buy."""
    teachers = len(driver.pool.teachers)
    waves = driver.search.waves(2, teachers) or ()
    widest = max((wave.proposals for wave in waves), default=0) // teachers
    least, most = TRACES
    return min(max(least, widest), most)


def _curation(registry: Registry) -> Search:
    """What the step-wise search is compared with. It is given the tokens to spend, so its own options do not matter."""
    component = registry.get("search", "curation")
    assert issubclass(component, Search)
    return component(component.options_type())


def _is_stepwise(experiment: Experiment, decode: str) -> bool:
    component = experiment.blocks[experiment.decode(decode).search.name].component
    return component is not None and issubclass(component, Search) and component.unit == "step"
