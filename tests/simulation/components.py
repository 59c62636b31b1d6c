"""What simulated experiments are made of: made-up problems, models that a world answers for, and a grader in this process."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from cordspec.extension.registry import GROUP, Registry
from cordspec.plugin import (
    Component,
    Engine,
    Grader,
    InvalidData,
    Model,
    Options,
    Problem,
    ProblemSource,
    hookimpl,
)

if TYPE_CHECKING:
    from tests.simulation.world import World

_NOW: list[World] = []
"""The world in which engines are opened, alone."""


def enter(world: World | None) -> None:
    """Models are opened in this world from now on."""
    _NOW[:] = [] if world is None else [world]


class MadeUpOptions(Options):
    """Options of `problems NAME : made_up { ... }`."""

    count: int = 1
    seed: int = 0


class MadeUp(ProblemSource[MadeUpOptions]):
    """Sums that nobody computes."""

    name: ClassVar[str] = "made_up"

    def load(self) -> Iterator[Problem]:
        for number in range(self.options.count):
            yield Problem(f"What is {self.options.seed} + {number}?", str(self.options.seed + number))


class WorldlyOptions(Options):
    """Options of `model NAME : worldly { ... }`."""

    weights: str = ""


class Worldly(Model[WorldlyOptions]):
    """Weights that are their own name."""

    name: ClassVar[str] = "worldly"

    def fingerprint(self) -> str:
        return hashlib.sha256(self.options.weights.encode()).hexdigest()

    def open(self) -> Engine:
        return _NOW[0].engine(self.options.weights, self.fingerprint())

    def at(self, weights: Path) -> Model:
        raise InvalidData("nothing is trained in a simulation")

    def weights_path(self) -> Path:
        raise InvalidData("nothing is trained in a simulation")


class Exact(Grader[Options]):
    """Right is what holds the reference."""

    name: ClassVar[str] = "worldly"

    def grade(self, written: str, reference: str) -> bool:
        return f" {reference}." in written


@hookimpl
def cordspec_components() -> Iterable[type[Component]]:
    yield from (MadeUp, Worldly, Exact)


@cache
def registry() -> Registry:
    """What is installed, and the components of this module."""
    ours = [EntryPoint(name, __name__, GROUP) for name in ("problems.made_up", "model.worldly", "grader.worldly")]
    return Registry([*entry_points(group=GROUP), *ours])
