"""What a run tells while it goes on. Displays listen; nothing in a run depends on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from cordspec.plan import Graph, Stage


@dataclass(frozen=True, slots=True)
class RunStarted:
    graph: Graph
    path: str
    reused: frozenset[str]
    """The blocks whose stages are finished already."""


@dataclass(frozen=True, slots=True)
class StageStarted:
    stage: Stage


@dataclass(frozen=True, slots=True)
class StageProgress:
    """How far a stage is. ``unit`` names what is counted; ``detail`` holds numbers worth showing, by name."""

    stage: Stage
    done: int
    total: int
    unit: str
    detail: Mapping[str, float | str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StageFinished:
    stage: Stage
    seconds: float
    reused: bool
    summary: str


Event = RunStarted | StageStarted | StageProgress | StageFinished


class Observer(Protocol):
    """Listens to a run."""

    def on_event(self, event: Event) -> None: ...


class Silence:
    """Listens and shows nothing."""

    def on_event(self, event: Event) -> None:
        pass
