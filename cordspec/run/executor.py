"""Walks the graph: reuses what is finished, makes what is not, and keeps the manifest true after every stage."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from cordspec.artifacts.manifest import MANIFEST, StageEntry, read_entry, write_entry
from cordspec.artifacts.store import RunDirectory
from cordspec.artifacts.variants import VARIANTS, VariantEntry, read_variants, variant_manifest, variants_json
from cordspec.diagnostics import Diagnostic
from cordspec.errors import CordspecError, Interrupted
from cordspec.extension.registry import Registry
from cordspec.journal import Journal
from cordspec.journal.notes import ARTIFACT, note
from cordspec.model import Variant, is_sweep
from cordspec.plan import Graph, Stage, narrowed
from cordspec.run.changes import SetAside
from cordspec.run.events import Observer, RunStarted, StageFinished, StageStarted, VariantPlace, Warned
from cordspec.run.gate import Gate
from cordspec.run.identities import Identities
from cordspec.run.keeping_manifest import ManifestKeeper, entry_of
from cordspec.run.keeping_status import StatusKeeper
from cordspec.run.preparing import Limits, command_of, look_ahead, look_at_place, prepare, refuse_absent
from cordspec.run.stages import problems as problem_stage
from cordspec.run.stages.decode import decode
from cordspec.run.stages.evaluate import evaluate
from cordspec.run.stages.problems import ProblemSet
from cordspec.run.stages.train import train
from cordspec.run.stopping import Stopping
from cordspec.run.tracking import Tracking, trackers_of
from cordspec.run.workshop import Engines, Models, Workshop


async def execute(
    variants: Sequence[Variant], registry: Registry, out: Path, observer: Observer, limits: Limits
) -> Path:
    """Run the variants of a spec in one directory, or what is left of them; returns the directory.

    A stage that several variants share is made once: it is known by what it is made of.

    Raises:
        SetAside: finished stages of the directory would not be used, and `Limits.apply` does not say so.
        CordspecError: with the exit code and the diagnostics of what went wrong. Finished stages stay.
        Interrupted: a signal stopped the run.
    """
    for variant in variants:
        refuse_absent(variant.experiment)
    identities = Identities(limits.problems, fetch=True)
    found = look_ahead(variants, registry, out, limits, identities)
    if found.left and not limits.apply:
        raise SetAside(found, out)
    directory = RunDirectory(out)
    directory.create()
    resume = command_of(variants, out, limits)
    warned = [*found.upgraded, *look_at_place(out, found, variants)]
    gate = Gate()
    with Journal(directory.journal, on_failure=gate.close) as journal:
        warned += losses(journal)
        keeper = StatusKeeper(observer, directory, variants[0].experiment.name, resume, journal.attempt)
        engines = Engines(journal, gate=gate)
        trackers = trackers_of(variants[0].experiment.options.trackers, registry)
        tracking = Tracking(keeper, directory, trackers)
        with _told(keeper), tracking, Stopping(gate, lambda: engines.under_way, resume, keeper):
            if warned:
                keeper.on_event(Warned(tuple(warned)))
            try:
                await _all(variants, registry, directory, engines, tracking, limits, identities)
            finally:
                await engines.close()
    return out


def losses(journal: Journal) -> Iterator[Diagnostic]:
    """What a journal found when it was opened that whoever runs it should know."""
    if journal.missing:
        message = f"the end of the journal is gone: {journal.missing} rows that were kept are not there any more"
        yield Diagnostic("W712", message, help="they are asked for again; look at the disk")
    if journal.unmarked:
        message = "the journal has no readable mark beside it: whether its end is missing cannot be told"
        yield Diagnostic("W713", message, help="a new mark has been written")


@contextlib.contextmanager
def _told(keeper: StatusKeeper) -> Iterator[None]:
    """How the run ended stands in its status."""
    try:
        yield
    except Interrupted:
        keeper.end("stopped")
        raise
    except CordspecError as error:
        keeper.end("failed", error.diagnostics[0].code)
        raise
    except BaseException as error:
        keeper.end("failed", type(error).__name__)
        raise
    keeper.end("finished")


async def _all(
    variants: Sequence[Variant], registry: Registry, directory: RunDirectory, engines: Engines, observer: Observer,
    limits: Limits, identities: Identities,
) -> None:  # fmt: skip
    """All variants, one after the other, and the list of those that are finished."""
    sources = variants[0].experiment.sources
    directory.write("spec.cord", sources[0].text)
    directory.write("sources.json", json.dumps({one.name: one.text for one in sources}, indent=2) + "\n")
    swept = is_sweep(variants)
    done = {entry.name: entry for entry in _finished_variants(directory)} if swept else {}
    directory.remove(MANIFEST if swept else VARIANTS)
    for number, variant in enumerate(variants):
        place = VariantPlace(variant.name, number, len(variants))
        manifest = variant_manifest(variant.name) if swept else MANIFEST
        await _variant(variant, place, manifest, registry, directory, engines, observer, limits, identities)
        if swept:
            done[variant.name] = VariantEntry(variant.name, variant.group, dict(variant.settings))
            listed = [done[name] for name in limits.known if name in done]
            directory.write(VARIANTS, variants_json(listed))


async def _variant(
    variant: Variant, place: VariantPlace, manifest_name: str, registry: Registry, directory: RunDirectory, engines: Engines,
    observer: Observer, limits: Limits, identities: Identities,
) -> None:  # fmt: skip
    """One variant: walk its graph and keep its manifest."""
    experiment = variant.experiment
    graph, loaded = prepare(experiment, identities)
    graph = narrowed(graph, limits.only)
    models = Models(experiment, engines)
    reused = frozenset(stage.block for stage in graph.stages if directory.has(stage.id))
    observer.on_event(RunStarted(graph, str(directory.path), reused, place))
    problems = {name: one.problems for name, one in loaded.items()}
    shop = Workshop(experiment, graph, registry, directory, problems, models, observer, limits.crashes)
    record = ManifestKeeper(shop, _entries(directory, graph), limits.problems, engines, manifest_name)
    for stage in graph.stages:
        if stage.block not in reused:
            record.begin(stage)
        try:
            entry = await _stage(shop, stage, loaded)
        except BaseException:
            with contextlib.suppress(CordspecError):  # the first failure is the one to tell
                record.write()
            raise
        record.finish(entry)


def _entries(directory: RunDirectory, graph: Graph) -> Iterator[StageEntry]:
    """The entries of the stages that are finished already."""
    for stage in graph.stages:
        if directory.has(stage.id):
            with contextlib.suppress(OSError, ValueError, TypeError):  # it is verified, and told, when its turn comes
                yield read_entry(directory.stage(stage.id))


def _finished_variants(directory: RunDirectory) -> list[VariantEntry]:
    """The variants of earlier runs in this directory; those of another spec are not taken over."""
    try:
        return read_variants(directory.path)
    except (OSError, ValueError, KeyError, TypeError):
        return []


async def _stage(shop: Workshop, stage: Stage, loaded: Mapping[str, ProblemSet]) -> StageEntry:
    """Make a stage, unless it is finished. A trained student is made known to the stages that use it."""
    reused = shop.directory.has(stage.id)
    if reused:
        shop.directory.verify(stage.id)
        entry = read_entry(shop.directory.stage(stage.id))
    else:
        shop.observer.on_event(StageStarted(stage))
        begin = time.monotonic()
        with shop.directory.writing(stage.id) as out:
            summary = await _make(shop, stage, loaded, out)
            shop.models.committer.flush()  # what was noted of its problems is kept before it is: it is not made again
            seconds = round(time.monotonic() - begin, 3)
            entry = replace(entry_of(shop, stage), seconds=seconds, summary=summary)
            write_entry(out, entry)
        receipt = shop.directory.receipt(stage.id)
        shop.models.journal.put([note(ARTIFACT, (stage.id, receipt), {"stage": stage.id, "receipt": receipt})])
    if stage.kind == "train":
        shop.directory.clear_work(stage.id)
        shop.models.add_student(stage.block, shop.directory, stage.id)
    shop.observer.on_event(StageFinished(stage, entry.seconds, reused, entry.summary))
    return entry


async def _make(shop: Workshop, stage: Stage, loaded: Mapping[str, ProblemSet], out: Path) -> str:
    match stage.kind:
        case "problems":
            problem_stage.write_problems(out, loaded[stage.block].problems)
            return loaded[stage.block].summary
        case "decode":
            return await decode(shop, stage, out)
        case "train":
            return await train(shop, stage, out)
        case "evaluate":
            return await evaluate(shop, stage, out)
