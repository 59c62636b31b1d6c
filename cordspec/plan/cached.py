"""What of a plan is made already, and why the rest is not: the graph beside the entries of an earlier run."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from cordspec.plan.graph import Graph, Makeup, Part, Stage

DIGITS: Final = 12
"""Of a hash that is shown."""
NOWHERE: Final = object()


class Made(Protocol):
    """A finished stage, as a manifest has it."""

    @property
    def block(self) -> str: ...

    @property
    def fingerprint(self) -> str: ...

    @property
    def parts(self) -> Mapping[str, object]: ...


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that is not as it was. ``was`` and ``now`` are as people read them, empty where there is nothing."""

    path: str
    name: str
    was: str
    now: str
    made_from: str = ""

    def __str__(self) -> str:
        if self.made_from:
            return f"made from {self.made_from}, which is another one now"
        if not self.now:
            return f"{self.name} is gone, was {self.was}"
        return f"{self.name} is {self.now}, was {self.was or 'not there'}"


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether a stage is made, and else why not. ``changes`` are what differs from the last one of its block."""

    stage: Stage
    made: bool
    why: str = ""
    changes: tuple[Change, ...] = ()


def standings(graph: Graph, finished: Mapping[str, Made], have: frozenset[str], begun: str = "") -> list[Standing]:
    """For each stage: is it made. ``finished`` are the stages of the last manifest by block, ``have`` the ids on disk,
    ``begun`` is the id of the stage that was being made last.
    """
    found: list[Standing] = []
    pending: set[str] = set()
    for stage in graph.stages:
        if stage.id in have:
            found.append(Standing(stage, True))
            continue
        pending.add(stage.block)
        changes = differences(finished.get(stage.block), graph.makeups.get(stage.block))
        why = "begun, not finished" if stage.id == begun else _why(stage, finished.get(stage.block), changes, pending)
        found.append(Standing(stage, False, why, changes))
    return found


def differences(before: Made | None, now: Makeup | None) -> tuple[Change, ...]:
    """What differs between a stage that was made and what would be made now; nothing where that was not recorded."""
    if before is None or now is None or not before.parts:
        return ()
    return tuple(_differences(before.parts, now))


def _differences(before: Mapping[str, object], now: Makeup) -> Iterator[Change]:
    gone = [Part(path, path, NOWHERE) for path in before if path not in {part.path for part in now.parts}]
    replaced = tuple(_replaced(before, now))
    for part in (*now.parts, *gone):
        was = before.get(part.path, NOWHERE)
        inside = part.path.startswith(replaced) and not (_names_component(part.path) and was is not NOWHERE)
        came_or_went = part.path.startswith("model ") and NOWHERE in (
            was,
            part.value,
        )  # a pool's list of teachers says so
        if was != _as_json(part.value) and not inside and not came_or_went:
            yield Change(part.path, part.name, _shown(part.path, was), _shown(part.path, part.value), part.made_from)


def _replaced(before: Mapping[str, object], now: Makeup) -> Iterator[str]:
    """Where another component stands: the options of two components are not compared."""
    for part in now.parts:
        if _names_component(part.path) and before.get(part.path, part.value) != part.value:
            inside = part.path.removesuffix("component")
            yield from [inside] if inside else []


def _names_component(path: str) -> bool:
    return path == "component" or path.endswith(".component")


def _as_json(value: object) -> object:
    """As it comes back from a file: tuples are lists there."""
    return value if value is NOWHERE else json.loads(json.dumps(value))


def _shown(path: str, value: object) -> str:
    if value is NOWHERE:
        return ""
    if isinstance(value, str):
        return value[:DIGITS] if path.endswith("content") else value or '""'
    return json.dumps(value, ensure_ascii=False)


def _why(stage: Stage, before: Made | None, changes: tuple[Change, ...], pending: set[str]) -> str:
    if before is None:
        return "not made yet"
    if before.fingerprint == stage.fingerprint:
        return "its files are gone"
    told = [str(change) for change in changes if not change.made_from]
    again = [change.made_from for change in changes if change.made_from in pending]
    others = [str(change) for change in changes if change.made_from and change.made_from not in pending]
    if again:
        others.append(f"made from {', '.join(again)}, which will be made again")
    said = [f"changed: {'; '.join(told)}"] if told else []
    return (
        "; ".join([*said, *others]) or "what was made was recorded without what it was made of, or under another name"
    )
