"""What of a plan is made already, and why the rest is not: the graph beside the manifest of an earlier run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from cordspec.plan.graph import Graph, Stage


class Made(Protocol):
    """A finished stage, as a manifest has it."""

    @property
    def block(self) -> str: ...

    @property
    def fingerprint(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether a stage is made, and else why not."""

    stage: Stage
    made: bool
    why: str = ""


Blocks = Mapping[str, Mapping[str, object]]
"""Blocks as a manifest describes them: kind, component, options."""


def standings(
    graph: Graph, finished: Mapping[str, Made], have: frozenset[str], before: Blocks, now: Blocks
) -> list[Standing]:
    """For each stage: is it made. ``finished`` are the stages of the last manifest by block, ``have`` the ids on disk."""
    found: list[Standing] = []
    changed: dict[str, str] = {}
    for stage in graph.stages:
        if stage.id in have:
            found.append(Standing(stage, True))
            continue
        why = _why(stage, finished, before, now, changed)
        changed[stage.block] = why
        found.append(Standing(stage, False, why))
    return found


def _why(stage: Stage, finished: Mapping[str, Made], before: Blocks, now: Blocks, changed: Mapping[str, str]) -> str:
    if stage.block not in finished:
        return "not made yet"
    if finished[stage.block].fingerprint == stage.fingerprint:
        return "its files are gone"
    differences = list(_differences(stage.block, before, now, set()))
    if differences:
        return "changed: " + "; ".join(differences[:3])
    upstream = [block for block in stage.inputs if block in changed]
    if upstream:
        return f"made from {', '.join(upstream)}, which will be made again"
    return "the seed, weights, data or a version of a component changed"


def _differences(name: str, before: Blocks, now: Blocks, seen: set[str]) -> Iterator[str]:
    """What reads differently in a block and in those that it refers to, up to the next stage."""
    if name in seen or name not in now:
        return
    seen.add(name)
    old, new = before.get(name, {}), now[name]
    if old.get("component") != new.get("component"):
        yield f"{name} is {new.get('component')}, was {old.get('component') or 'not there'}"
        return
    was, options = old.get("options"), new.get("options")
    if not isinstance(was, Mapping) or not isinstance(options, Mapping):
        return
    for key, value in options.items():
        if was.get(key) != value:
            yield f"{name}.{key} is {value}, was {was.get(key)}"
    for value in options.values():
        inner = value if isinstance(value, list) else [value]
        for one in inner:
            if isinstance(one, str) and one in now and now[one].get("kind") not in ("decode", "student", "problems"):
                yield from _differences(one, before, now, seen)
