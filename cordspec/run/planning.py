"""What a run would do and cost, as far as it can be said without running: nothing is opened and nothing fetched."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cordspec.artifacts.manifest import MANIFEST, Manifest, StageEntry, read_manifest
from cordspec.artifacts.store import RunDirectory
from cordspec.artifacts.variants import variant_manifest
from cordspec.domain.problem import Problem
from cordspec.errors import CordspecError, PreflightError
from cordspec.extension.kinds.problems import ProblemSource
from cordspec.model import Block, Variant, is_sweep
from cordspec.plan import Graph, build
from cordspec.plan.assumptions import Assumptions
from cordspec.plan.cached import Standing, standings
from cordspec.plan.estimate import Estimator, StageCost
from cordspec.plan.machine import Gpu
from cordspec.run.identities import Identities
from cordspec.run.problem_changes import ProblemChanges, answers_of, problem_changes


@dataclass(frozen=True, slots=True)
class VariantPlan:
    """The plan of one variant: each stage with its cost, and whether it is made already.

    ``problems`` says, by block, how the problems differ from those of the last run.
    """

    name: str
    group: str
    graph: Graph
    costs: tuple[StageCost, ...]
    standings: tuple[Standing, ...]
    problems: Mapping[str, ProblemChanges]


@dataclass(frozen=True, slots=True)
class Plan:
    """The plan of a spec. ``unknown`` says what could not be looked at here: its fingerprints may differ from a run's."""

    experiment: str
    variants: tuple[VariantPlan, ...]
    assumed: Assumptions
    gpu: Gpu
    unknown: tuple[str, ...]
    limit: int | None


def make_plan(
    variants: Sequence[Variant], out: Path, assumed: Assumptions, limit: int | None,
    identities: Identities | None = None,
) -> Plan:  # fmt: skip
    """The plan of all variants beside what a run directory holds."""
    look = _Look(identities or Identities(limit))
    gpu = Gpu()
    plans = []
    directory = RunDirectory(out)
    for variant in variants:
        experiment = variant.experiment
        graph = build(experiment, look.identify)
        costs = Estimator(experiment, look.count, assumed, gpu).stages(graph)
        manifest = manifest_of(out, variant_manifest(variant.name) if is_sweep(variants) else MANIFEST)
        have = frozenset(stage.id for stage in graph.stages if directory.has(stage.id))
        finished = last_stages(manifest)
        begun = manifest.begun.id if manifest and manifest.begun else ""
        found = standings(graph, finished, have, begun)
        changed = _problems(variant, found, finished, directory, look)
        plans.append(VariantPlan(variant.name, variant.group, graph, tuple(costs), tuple(found), changed))
    return Plan(variants[0].experiment.name, tuple(plans), assumed, gpu, tuple(sorted(look.unknown)), look.limit)


def last_stages(manifest: Manifest | None) -> dict[str, StageEntry]:
    """The stages of a manifest by block, the one that was begun included."""
    if manifest is None:
        return {}
    return {entry.block: entry for entry in (*manifest.stages, *((manifest.begun,) if manifest.begun else ()))}


def manifest_of(out: Path, name: str) -> Manifest | None:
    """A manifest of a run directory; None where there is none that can be read."""
    try:
        return read_manifest(out, name)
    except CordspecError:
        return None


def _problems(
    variant: Variant,
    found: Sequence[Standing],
    finished: Mapping[str, StageEntry],
    directory: RunDirectory,
    look: _Look,
) -> dict[str, ProblemChanges]:
    """How problem sets differ from those that were there before."""
    changed = {}
    for standing in found:
        before = finished.get(standing.stage.block)
        if standing.stage.kind == "problems" and before is not None and before.id != standing.stage.id:
            answers = answers_of(directory.stage(before.id))
            now = look.problems(variant.experiment.blocks[standing.stage.block])
            if answers is not None and now is not None:
                changed[standing.stage.block] = problem_changes(answers, now)
    return changed


class _Look:
    """Looks at problems and weights where they are here."""

    def __init__(self, identities: Identities) -> None:
        self._identities = identities
        self.limit = identities.limit
        self.unknown: set[str] = set()

    def identify(self, block: Block) -> str:
        """The content hash of a block as a run would have it, or else of what it says."""
        try:
            if block.component is None or block.absent():
                raise FileNotFoundError
            return self._identities.of(block)
        except (PreflightError, OSError):
            self.unknown.add(f"{block.kind} {block.name}")
            return hashlib.sha256(block.options.model_dump_json().encode()).hexdigest()

    def count(self, block: Block) -> int | None:
        """How many problems a block stands for: what it declares, or what it holds."""
        rows = getattr(block.options, "rows", 0)
        if rows:
            return min(rows, self.limit or rows)
        held = self.problems(block)
        most = getattr(block.options, "limit", 0) or None  # what is not here yet holds at most so many
        return most if held is None else len(held)

    def problems(self, block: Block) -> tuple[Problem, ...] | None:
        """The problems of a block; None where they cannot be had here."""
        self.identify(block)
        if f"{block.kind} {block.name}" in self.unknown or block.component is None:
            return None
        return self._identities.problems(block) if issubclass(block.component, ProblemSource) else None


def total_hours(costs: Sequence[StageCost]) -> float | None:
    """The hours of stages one after the other; None where one of those that cost something is not known."""
    hours = [cost.hours for cost in costs if cost.stage.kind != "problems"]
    return None if None in hours else sum(hour for hour in hours if hour is not None)
