"""The part of an unfinished decode that its journal answers to the end: nothing is asked for it.

It is the same decode over the same journal, with the problems that can be finished without asking anybody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from cordspec.artifacts.manifest import Manifest, ProblemCount, StageEntry, read_manifest
from cordspec.artifacts.part import part_of
from cordspec.artifacts.store import RunDirectory
from cordspec.domain.problem import Problem
from cordspec.extension.registry import Registry
from cordspec.journal import Journal
from cordspec.plan import Graph, Stage
from cordspec.run.assembling import assemble
from cordspec.run.driver import Driver
from cordspec.run.events import Silence
from cordspec.run.gate import NotStored, Shut
from cordspec.run.ledger import Ledger
from cordspec.run.recorded import recorded_experiment
from cordspec.run.stages.decode import decode, target_tokens
from cordspec.run.stages.problems import read_problems
from cordspec.run.workshop import Engines, Models, Workshop


async def write_part(run: Path, entry: StageEntry, registry: Registry) -> ProblemCount:
    """Write what there is of the decode that was begun last, as its stage would be written (`part_of`).

    Raises:
        IncompleteError: the run is at work.
        UsageError: it is no run directory.
    """
    manifest = read_manifest(run)
    directory = RunDirectory(run)
    experiment = recorded_experiment(run, manifest.sets, registry)
    name = experiment.decode(entry.block).problems.name
    problems = tuple(read_problems(directory.stage(_finished(manifest, name).id)))
    graph = Graph(experiment.name, tuple(_stage(one) for one in manifest.stages))
    with Journal(directory.journal) as journal:
        engines = Engines(journal, gate=Shut())
        models = Models(experiment, engines)
        for one in manifest.stages:
            if one.kind == "train":
                models.add_student(one.block, directory, one.id)
        shop = Workshop(experiment, graph, registry, directory, {name: problems}, models, Silence())
        try:
            known = await _answered(shop, entry.block, problems)
            part = part_of(run)
            part.create()
            with part.writing(entry.id) as out:
                await decode(replace(shop, problems={name: known}), _stage(entry), out)
        finally:
            await engines.close()
    return replace(shop.tallies[entry.block].count(), input=len(problems), pending=len(problems) - len(known))


async def _answered(shop: Workshop, decode: str, problems: Sequence[Problem]) -> tuple[Problem, ...]:
    """The problems whose whole search stands in the journal."""
    driver, context = assemble(shop, decode, Ledger(), lambda record, wave: None)
    targets = target_tokens(shop, driver.search)
    try:
        found = await asyncio.gather(*(_is_answered(driver, one, targets.get(one.id)) for one in problems))
    finally:
        context.close()
    return tuple(problem for problem, known in zip(problems, found, strict=True) if known)


async def _is_answered(driver: Driver, problem: Problem, target: int | None) -> bool:
    try:
        await driver.decode(problem, target)
    except NotStored:
        return False
    return True


def _finished(manifest: Manifest, block: str) -> StageEntry:
    return next(entry for entry in manifest.stages if entry.block == block)


def _stage(entry: StageEntry) -> Stage:
    kinds = {"problems": "problems", "decode": "decode", "train": "train"}
    return Stage(kinds.get(entry.kind, "evaluate"), entry.block, entry.fingerprint, ())  # type: ignore[arg-type]
