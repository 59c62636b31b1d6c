"""Walks the graph: reuses what is finished, makes what is not, and keeps the manifest true after every stage."""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

from cordspec.artifacts.manifest import MANIFEST, Manifest, StageEntry, read_entry, write_entry
from cordspec.artifacts.store import RunDirectory
from cordspec.artifacts.variants import VARIANTS, VariantEntry, read_variants, variant_manifest, variants_json
from cordspec.diagnostics import Diagnostic, Label
from cordspec.domain.problem import Problem
from cordspec.errors import PreflightError
from cordspec.extension.registry import Registry
from cordspec.journal import Journal
from cordspec.model import Block, Experiment, Variant, is_sweep
from cordspec.model.plain import describe
from cordspec.plan import Graph, Stage, build, narrowed
from cordspec.run.events import Observer, RunStarted, StageFinished, StageStarted, VariantPlace
from cordspec.run.stages import problems as problem_stage
from cordspec.run.stages.decode import decode
from cordspec.run.stages.evaluate import evaluate
from cordspec.run.stages.train import train
from cordspec.run.workshop import Engines, Models, Workshop, model_fingerprint, model_of

VERSIONS = ("cordspec", "torch", "transformers", "tokenizers", "trl", "numpy")


@dataclass(frozen=True, slots=True)
class Limits:
    """Less than the whole: the first ``problems`` of each set, and ``only`` these stages with what they need."""

    problems: int | None = None
    only: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    """The names of all variants of the spec, in order, of which only some may be run now."""


def prepare(experiment: Experiment, limit: int | None) -> tuple[Graph, dict[str, tuple[Problem, ...]]]:
    """The graph of an experiment with its problems loaded and its models identified, none of them opened.

    Raises:
        SpecError: a problem set is wrong.
        PreflightError: data or weights are not here.
    """
    refuse_absent(experiment)
    loaded: dict[str, tuple[Problem, ...]] = {}

    def identify(block: Block) -> str:
        if block.kind == "model":
            return model_fingerprint(block)
        loaded[block.name] = problem_stage.load(block, limit)
        return problem_stage.content_hash(loaded[block.name])

    return build(experiment, identify), loaded


def refuse_absent(experiment: Experiment) -> None:
    """Before anything is read or fetched: what this version cannot run, and what this machine lacks, is told at once.

    Raises:
        PreflightError: it cannot be run here.
    """
    used = experiment.used().values()
    absent = {component: block for block in used for component in block.absent()}
    models = [block for block in used if block.kind == "model" and not block.absent()]
    lacking = [(block, said) for block in models if (said := model_of(block).lacking())]
    if not absent and not lacking:
        return
    needs = [f"{component.kind} `{component.name}`" for component in absent]
    told = [f"it needs {', '.join(sorted(needs))}, which this version can check and plan, not run"] if needs else []
    if lacking:
        told.append(f"what {', '.join(f'`{block.name}`' for block, _ in lacking)} would run on is not here")
    related = [Label(block.span, component.absent) for component, block in absent.items()]
    related += [Label(block.span, f"it needs {said}") for block, said in lacking]
    message = f"this spec cannot be run here: {'; '.join(told)}"
    help = "`cordspec plan` says what it would cost; specs/miniature.cord runs the method on this machine"
    span = experiment.blocks[experiment.name].span
    raise PreflightError(Diagnostic("E305", message, span, "", tuple(related), help))


async def execute(
    variants: Sequence[Variant], registry: Registry, out: Path, observer: Observer, limits: Limits
) -> Path:
    """Run the variants of a spec in one directory, or what is left of them; returns the directory.

    A stage that several variants share is made once: it is known by what it is made of.

    Raises:
        CordspecError: with the exit code and the diagnostics of what went wrong. Finished stages stay.
    """
    for variant in variants:
        refuse_absent(variant.experiment)
    directory = RunDirectory(out)
    directory.create()
    sources = variants[0].experiment.sources
    with Journal(directory.journal) as journal:
        directory.write("spec.cord", sources[0].text)
        directory.write("sources.json", json.dumps({one.name: one.text for one in sources}, indent=2) + "\n")
        engines = Engines(journal)
        swept = is_sweep(variants)
        done = {entry.name: entry for entry in _finished_variants(directory)} if swept else {}
        if not swept:
            directory.remove(VARIANTS)
        try:
            for number, variant in enumerate(variants):
                place = VariantPlace(variant.name, number, len(variants))
                manifest = variant_manifest(variant.name) if swept else MANIFEST
                await _variant(variant, place, manifest, registry, directory, engines, observer, limits)
                if swept:
                    done[variant.name] = VariantEntry(variant.name, variant.group, dict(variant.settings))
                    listed = [done[name] for name in limits.known if name in done]
                    directory.write(VARIANTS, variants_json(listed))
        finally:
            await engines.close()
    return out


async def _variant(
    variant: Variant, place: VariantPlace, manifest_name: str, registry: Registry, directory: RunDirectory, engines: Engines,
    observer: Observer, limits: Limits,
) -> None:  # fmt: skip
    """One variant: walk its graph and keep its manifest."""
    experiment = variant.experiment
    graph, loaded = prepare(experiment, limits.problems)
    graph = narrowed(graph, limits.only)
    models = Models(experiment, engines)
    reused = frozenset(stage.block for stage in graph.stages if directory.has(stage.id))
    observer.on_event(RunStarted(graph, str(directory.path), reused, place))
    shop = Workshop(experiment, graph, registry, directory, loaded, models, observer)
    done: list[StageEntry] = []
    for stage in graph.stages:
        done.append(await _stage(shop, stage))
        manifest = _manifest(experiment, limits.problems, done, engines)
        directory.write(manifest_name, manifest.to_json())


def _finished_variants(directory: RunDirectory) -> list[VariantEntry]:
    """The variants of earlier runs in this directory; those of another spec are not taken over."""
    try:
        return read_variants(directory.path)
    except (OSError, ValueError, KeyError, TypeError):
        return []


async def _stage(shop: Workshop, stage: Stage) -> StageEntry:
    """Make a stage, unless it is finished. A trained student is made known to the stages that use it."""
    reused = shop.directory.has(stage.id)
    if reused:
        shop.directory.verify(stage.id)
        entry = read_entry(shop.directory.stage(stage.id))
    else:
        shop.observer.on_event(StageStarted(stage))
        begin = time.monotonic()
        with shop.directory.writing(stage.id) as out:
            summary = await _make(shop, stage, out)
            seconds = round(time.monotonic() - begin, 3)
            entry = StageEntry(stage.kind, stage.block, stage.id, stage.fingerprint, seconds, summary)
            write_entry(out, entry)
    if stage.kind == "train":
        shop.models.add_student(stage.block, shop.directory, stage.id)
    shop.observer.on_event(StageFinished(stage, entry.seconds, reused, entry.summary))
    return entry


async def _make(shop: Workshop, stage: Stage, out: Path) -> str:
    match stage.kind:
        case "problems":
            problems = shop.problems[stage.block]
            problem_stage.write_problems(out, problems)
            return f"{len(problems)} problems"
        case "decode":
            return await decode(shop, stage, out)
        case "train":
            return await train(shop, stage, out)
        case "evaluate":
            return await evaluate(shop, stage, out)


def _manifest(experiment: Experiment, limit: int | None, stages: list[StageEntry], engines: Engines) -> Manifest:
    block = experiment.blocks[experiment.name]
    return Manifest(
        experiment=experiment.name,
        doc=block.doc,
        seed=experiment.options.seed,
        sets=list(experiment.sets),
        limit=limit,
        versions=_versions(),
        blocks={block.name: describe(block) for block in experiment.blocks.values()},
        stages=list(stages),
        engine=asdict(engines.counters),
    )


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in VERSIONS:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
