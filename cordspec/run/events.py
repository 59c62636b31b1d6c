"""What a run tells while it goes on. Displays listen; nothing in a run depends on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from cordspec.diagnostics import Diagnostic
from cordspec.plan import Graph, Stage


@dataclass(frozen=True, slots=True)
class VariantPlace:
    """Which variant of how many is at work; the only one of a spec without a sweep is `base`."""

    name: str
    number: int
    total: int


@dataclass(frozen=True, slots=True)
class RunStarted:
    """A variant begins."""

    graph: Graph
    path: str
    reused: frozenset[str]
    """The blocks whose stages are finished already."""
    variant: VariantPlace

    @property
    def title(self) -> str:
        """One line about what begins."""
        known = f", {len(self.reused)} finished already" if self.reused else ""
        place = self.variant
        which = f", variant {place.number + 1} of {place.total}: {place.name}" if place.total > 1 else ""
        return f"{self.graph.experiment}: {len(self.graph.stages)} stages{known}, in {self.path}{which}"


@dataclass(frozen=True, slots=True)
class StageStarted:
    stage: Stage


@dataclass(frozen=True, slots=True)
class StageProgress:
    """How far a stage is. ``unit`` names what is counted; ``detail`` holds numbers worth showing, by name, and ``counts``
    those that `status.json` keeps.
    """

    stage: Stage
    done: int
    total: int
    unit: str
    detail: Mapping[str, float | str] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StageFinished:
    stage: Stage
    seconds: float
    reused: bool
    summary: str


@dataclass(frozen=True, slots=True)
class Warned:
    """Something is not as it should be, and the run goes on."""

    diagnostics: tuple[Diagnostic, ...]


@dataclass(frozen=True, slots=True)
class StopAsked:
    """A signal came; so many calls are under way and are waited for."""

    signal: int
    calls: int

    @property
    def text(self) -> str:
        return f"stopping: {self.calls} calls under way are waited for; a second signal stops at once"


Event = RunStarted | StageStarted | StageProgress | StageFinished | Warned | StopAsked


class Observer(Protocol):
    """Listens to a run."""

    def on_event(self, event: Event) -> None: ...


class Silence:
    """Listens and shows nothing."""

    def on_event(self, event: Event) -> None:
        pass
