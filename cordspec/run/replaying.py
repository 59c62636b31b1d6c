"""Decide a finished decode again, with other settings, from the answers that its journal holds.

It is the same driver over the same journal: what an expansion asks has the same key whichever search asks it. Teachers are
asked nothing new; a problem goes as far as the stored proposals suffice. Scores that are missing are computed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from cordspec.artifacts.choosing import choose
from cordspec.artifacts.manifest import Manifest, StageEntry, read_manifest
from cordspec.artifacts.records import TraceRecord, read_lines
from cordspec.artifacts.replays import Reach, Replay, ReplayedProblem
from cordspec.artifacts.store import RunDirectory
from cordspec.artifacts.variants import read_variants, variant_manifest
from cordspec.domain.inference import Role
from cordspec.domain.problem import Problem
from cordspec.extension.kinds.grader import Grader
from cordspec.extension.registry import Registry
from cordspec.journal import Journal
from cordspec.plan import Graph
from cordspec.run.assembling import assemble
from cordspec.run.driver import Driver, SearchRecord, WaveRecord
from cordspec.run.events import Silence
from cordspec.run.gate import NotStored
from cordspec.run.ledger import Ledger
from cordspec.run.recorded import recorded_experiment
from cordspec.run.recording import trace_record
from cordspec.run.stages.decode import TRACES
from cordspec.run.stages.problems import read_problems
from cordspec.run.workshop import Engines, Models, Workshop, grader_of

WRITERS: Final[frozenset[Role]] = frozenset({"teacher", "integrator"})
"""The roles whose words a replay takes from the journal alone."""


async def replay(
    run: Path, decodes: Sequence[str], variant: str, sets: Sequence[str], registry: Registry
) -> list[Replay]:
    """Decide decodes of a run again, all for no names.

    Raises:
        UsageError: it is no run directory, or has no such decode or variant.
        SpecError: a setting is wrong.
    """
    directory = RunDirectory(run)
    manifest, varied = _recorded(run, variant)
    experiment = recorded_experiment(run, (*manifest.sets, *varied, *sets), registry)
    finished = {entry.block: entry for entry in manifest.stages}
    made = [entry.block for entry in manifest.stages if entry.kind == "decode"]
    wanted = [choose("decode", name, made) for name in decodes] or made
    with Journal(directory.journal) as journal:
        engines = Engines(journal, WRITERS)
        models = Models(experiment, engines)
        for entry in manifest.stages:
            if entry.kind == "train":
                models.add_student(entry.block, directory, entry.id)
        shop = Workshop(experiment, Graph(experiment.name, ()), registry, directory, {}, models, Silence())
        try:
            again = _Again(shop, directory, finished, engines)
            return [await again.decode(name, tuple(sets)) for name in wanted]
        finally:
            await engines.close()


class _Again:
    """The decodes of one run, decided again."""

    def __init__(
        self, shop: Workshop, directory: RunDirectory, finished: dict[str, StageEntry], engines: Engines
    ) -> None:
        self._shop = shop
        self._engines = engines
        self._directory = directory
        self._finished = finished

    async def decode(self, name: str, settings: tuple[str, ...]) -> Replay:
        options = self._shop.experiment.decode(name)
        ledger = Ledger()
        written = self._engines.counters.generated
        records: dict[str, SearchRecord] = {}

        def on_wave(record: SearchRecord, _: WaveRecord) -> None:
            records[record.problem.id] = record

        driver, context = assemble(self._shop, name, ledger, on_wave)
        before = self._traces(name)
        matched = driver.search.matched
        targets = {key: trace.generated for key, trace in self._traces(matched.name).items()} if matched else {}
        block = self._shop.experiment.blocks[name]
        grader = grader_of(self._shop.registry, options.grader, block)
        try:
            problems = [one for one in self._problems(options.problems.name) if one.id in before]
            done = await asyncio.gather(*(_attempt(driver, one, targets.get(one.id)) for one in problems))
            found = tuple(
                _outcome(before[problem.id], record or records.get(problem.id), grader, complete=record is not None)
                for problem, record in zip(problems, done, strict=True)
            )
        finally:
            grader.close()
            context.close()
        scorers = [spend for role, spend in ledger.roles.items() if role not in WRITERS]
        return Replay(
            name, settings, found, sum(one.calls - one.remembered for one in scorers),
            self._engines.counters.generated - written,
        )  # fmt: skip

    def _problems(self, name: str) -> Iterator[Problem]:
        """The problems as the run had them, whatever has become of the data."""
        return read_problems(self._stage("problems", name))

    def _traces(self, name: str) -> dict[str, TraceRecord]:
        path = self._stage("decode", name) / TRACES
        return {trace.problem: trace for trace in read_lines(path, TraceRecord)}

    def _stage(self, kind: str, name: str) -> Path:
        """The directory of a finished stage, verified."""
        made = [entry.block for entry in self._finished.values() if entry.kind == kind]
        entry = self._finished[choose(kind, name, made)]
        self._directory.verify(entry.id)
        return self._directory.stage(entry.id)


async def _attempt(driver: Driver, problem: Problem, target: int | None) -> SearchRecord | None:
    try:
        return await driver.decode(problem, target)
    except NotStored:
        return None


def _outcome(before: TraceRecord, record: SearchRecord | None, grader: Grader, *, complete: bool) -> ReplayedProblem:
    if record is None:
        return ReplayedProblem(before, "stopped", 0, None)
    if complete:
        return ReplayedProblem(before, "complete", len(record.waves), trace_record(record, grader))
    reach: Reach = "stopped" if record.trajectory is None else "unanswered"
    return ReplayedProblem(before, reach, len(record.waves), None)


def _recorded(run: Path, variant: str) -> tuple[Manifest, tuple[str, ...]]:
    """The manifest of a run or of a variant, and the settings that made the variant."""
    if not variant:
        return read_manifest(run), ()
    try:
        entries = {entry.name: entry for entry in read_variants(run)}
    except (OSError, ValueError, KeyError, TypeError):
        entries = {}
    chosen = entries[choose("variant", variant, list(entries))]
    settings = tuple(f"{path}={value}" for path, value in chosen.settings.items())
    return read_manifest(run, variant_manifest(variant)), settings
