"""A run directory beside what a spec would make in it now: what is used again, what is made again and why, what is left."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cordspec.artifacts.manifest import MANIFEST, Manifest, StageEntry, read_entry
from cordspec.artifacts.status import read_status
from cordspec.artifacts.store import RunDirectory
from cordspec.artifacts.variants import read_variants, variant_manifest
from cordspec.diagnostics import Diagnostic
from cordspec.errors import IncompleteError
from cordspec.extension.distributions import alike
from cordspec.extension.registry import Registry
from cordspec.model import Variant, is_sweep
from cordspec.plan.cached import differences
from cordspec.plan.graph import Graph, Makeup
from cordspec.run.planning import Plan, VariantPlan, last_stages, manifest_of


@dataclass(frozen=True, slots=True)
class Left:
    """A stage that lies finished in the directory, or half made, and that this spec would not use."""

    entry: StageEntry
    begun: bool
    why: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """A plan beside a run directory.

    ``left`` is what would be set aside. ``upgraded`` says of plugins that what they made is used although another version of
    them is here now.
    """

    plan: Plan
    left: tuple[Left, ...]
    upgraded: tuple[Diagnostic, ...]


class SetAside(IncompleteError):
    """A run was refused because it would set finished stages aside; nothing was done."""

    def __init__(self, comparison: Comparison, out: Path) -> None:
        names = ", ".join(f"{one.entry.kind} {one.entry.block} ({one.why})" for one in comparison.left)
        message = f"{out} holds what this run would not use: {names}"
        help = (
            "`--apply` goes on, and keeps the old stages; or choose another --out; `cordspec why-rerun` tells all of it"
        )
        super().__init__(Diagnostic("E715", message, help=help))
        self.comparison = comparison


def compare(plan: Plan, variants: Sequence[Variant], known: Sequence[str], registry: Registry, out: Path) -> Comparison:
    """What a run of these variants, of all ``known``, would do with what lies in a directory."""
    wanted = frozenset(stage.id for variant in plan.variants for stage in variant.graph.stages)
    found: dict[str, Left] = {}
    for name, manifest in _recorded(out, variants, whole=len(variants) >= len(known)):
        named = [one for one in plan.variants if variant_manifest(one.name) == name]
        variant = (named or list(plan.variants))[0]
        limited = _only_limited(manifest, variant, plan.limit)
        for entry in last_stages(manifest).values():
            begun = manifest.begun is not None and entry.id == manifest.begun.id
            if entry.id not in wanted and entry.block not in limited and _is_there(out, entry, begun):
                found[entry.id] = Left(entry, begun, _why(entry, variant.graph))
    return Comparison(plan, tuple(found.values()), tuple(_upgraded(plan, registry, out)))


def _recorded(out: Path, variants: Sequence[Variant], *, whole: bool) -> Iterator[tuple[str, Manifest]]:
    """The manifests that a run of these variants takes the place of."""
    names = [variant_manifest(one.name) for one in variants] if is_sweep(variants) else [MANIFEST]
    if whole:
        names.append(MANIFEST)
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            names += [variant_manifest(entry.name) for entry in read_variants(out)]
    for name in dict.fromkeys(names):
        manifest = manifest_of(out, name)
        if manifest is not None:
            yield name, manifest


def _is_there(out: Path, entry: StageEntry, begun: bool) -> bool:
    """Whether there is anything to lose: a finished stage, or one that was begun and has finished problems or steps."""
    if not begun:
        return RunDirectory(out).has(entry.id)
    status = read_status(out)
    return status is not None and status.stage_id == entry.id and status.done > 0


def _why(entry: StageEntry, graph: Graph) -> str:
    makeup = graph.makeups.get(entry.block)
    if makeup is None:
        return f"`{entry.block}` is not in the spec"
    changes = differences(entry, makeup)
    own = [str(change) for change in changes if not change.made_from]
    return "; ".join(own or [str(change) for change in changes]) or "it is made of something else now"


def _only_limited(manifest: Manifest, variant: VariantPlan, limit: int | None) -> frozenset[str]:
    """The blocks whose stages differ from the last run's only because another number of problems was asked for."""
    if variant.graph.experiment != manifest.experiment or manifest.limit == limit:
        return frozenset()
    entries, found = last_stages(manifest), set[str]()
    for stage in variant.graph.stages:
        before, makeup = entries.get(stage.block), variant.graph.makeups[stage.block]
        changes = differences(before, makeup)
        more = variant.problems.get(stage.block)
        if changes and all(
            change.made_from in found or (change.path == "content" and more is not None and more.continued)
            for change in changes
        ):
            found.add(stage.block)
    return frozenset(found)


def _upgraded(plan: Plan, registry: Registry, out: Path) -> Iterator[Diagnostic]:
    """W716 for each plugin whose work is used again although another version of it is installed now."""
    made: dict[tuple[str, str], list[str]] = {}
    for variant in plan.variants:
        for standing in variant.standings:
            entry = _entry(out, standing.stage.id) if standing.made else None
            before = entry.plugins if entry is not None else {}
            now = plugins(variant.graph.makeups[standing.stage.block], registry)
            for name, version in now.items():
                if not alike(before.get(name, version), version):
                    made.setdefault((before[name], version), []).append(standing.stage.block)
    for (was, now_), blocks in made.items():
        message = f"{', '.join(dict.fromkeys(blocks))}: made with {was}, and used again; {now_} is installed now"
        help = "a plugin whose results change raises the version of its component, and then they are made again"
        yield Diagnostic("W716", message, help=help)


def plugins(makeup: Makeup, registry: Registry) -> dict[str, str]:
    """The distribution of each component that makes a stage."""
    return {f"{kind} {name}": registry.provider(kind, name) for kind, name in makeup.components}


def _entry(out: Path, stage_id: str) -> StageEntry | None:
    try:
        return read_entry(RunDirectory(out).stage(stage_id))
    except (OSError, ValueError, TypeError):
        return None


def changes_of(variant: VariantPlan) -> Mapping[str, str]:
    """For each stage of a variant that is not made: why, with what became of its problems."""
    return {
        one.stage.block: "; ".join(filter(None, (one.why, str(variant.problems.get(one.stage.block, "")))))
        for one in variant.standings
        if not one.made
    }
