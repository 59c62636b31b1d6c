"""What a run would do and cost, as far as it can be said without running: nothing is opened and nothing fetched."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cordspec.artifacts.manifest import MANIFEST, Manifest, StageEntry, read_manifest
from cordspec.artifacts.store import RunDirectory
from cordspec.artifacts.variants import variant_manifest
from cordspec.errors import CordspecError
from cordspec.extension.kinds.problems import ProblemSource
from cordspec.model import Block, Variant, is_sweep
from cordspec.model.plain import describe
from cordspec.plan import Graph, build
from cordspec.plan.assumptions import Assumptions
from cordspec.plan.cached import Standing, standings
from cordspec.plan.estimate import Estimator, StageCost
from cordspec.plan.machine import Gpu
from cordspec.run.stages import problems as problem_stage
from cordspec.run.workshop import model_fingerprint


@dataclass(frozen=True, slots=True)
class VariantPlan:
    """The plan of one variant: each stage with its cost, and whether it is made already."""

    name: str
    group: str
    graph: Graph
    costs: tuple[StageCost, ...]
    standings: tuple[Standing, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """The plan of a spec. ``unknown`` says what could not be looked at here: its fingerprints may differ from a run's."""

    experiment: str
    variants: tuple[VariantPlan, ...]
    assumed: Assumptions
    gpu: Gpu
    unknown: tuple[str, ...]


def make_plan(variants: Sequence[Variant], out: Path, assumed: Assumptions, limit: int | None) -> Plan:
    """The plan of all variants beside what a run directory holds."""
    look = _Look(limit)
    gpu = Gpu()
    plans = []
    for variant in variants:
        experiment = variant.experiment
        graph = build(experiment, look.identify)
        costs = Estimator(experiment, look.count, assumed, gpu).stages(graph)
        manifest = _manifest(out, variant_manifest(variant.name) if is_sweep(variants) else MANIFEST)
        directory = RunDirectory(out)
        have = frozenset(stage.id for stage in graph.stages if directory.has(stage.id))
        finished: dict[str, StageEntry] = {entry.block: entry for entry in manifest.stages} if manifest else {}
        before = manifest.blocks if manifest else {}
        now = {block.name: describe(block) for block in experiment.blocks.values()}
        found = standings(graph, finished, have, before, now)
        plans.append(VariantPlan(variant.name, variant.group, graph, tuple(costs), tuple(found)))
    return Plan(variants[0].experiment.name, tuple(plans), assumed, gpu, tuple(sorted(look.unknown)))


class _Look:
    """Looks at problems and weights where they are here, each once."""

    def __init__(self, limit: int | None) -> None:
        self._limit = limit
        self._counts: dict[tuple[object, ...], int | None] = {}
        self._identities: dict[tuple[object, ...], str] = {}
        self.unknown: set[str] = set()

    def identify(self, block: Block) -> str:
        """The content hash of a block as a run would have it, or else of what it says."""
        key = (block.name, block.component, block.options.model_dump_json())
        if key not in self._identities:
            self._identities[key] = self._identity(block)
        return self._identities[key]

    def count(self, block: Block) -> int | None:
        """How many problems a block stands for: what it declares, or what it holds."""
        rows = getattr(block.options, "rows", 0)
        if rows:
            return min(rows, self._limit or rows)
        self.identify(block)
        return self._counts.get((block.name, block.component, block.options.model_dump_json()))

    def _identity(self, block: Block) -> str:
        try:
            if block.component is None or block.absent():
                raise FileNotFoundError
            if not issubclass(block.component, ProblemSource):
                return model_fingerprint(block)
            loaded = problem_stage.load(block, self._limit)
            self._counts[(block.name, block.component, block.options.model_dump_json())] = len(loaded)
            return problem_stage.content_hash(loaded)
        except (CordspecError, OSError):
            self.unknown.add(f"{block.kind} {block.name}")
            return hashlib.sha256(block.options.model_dump_json().encode()).hexdigest()


def _manifest(out: Path, name: str) -> Manifest | None:
    try:
        return read_manifest(out, name)
    except CordspecError:
        return None


def total_hours(costs: Sequence[StageCost]) -> float | None:
    """The hours of stages one after the other; None where one of those that cost something is not known."""
    hours = [cost.hours for cost in costs if cost.stage.kind != "problems"]
    return None if None in hours else sum(hour for hour in hours if hour is not None)
