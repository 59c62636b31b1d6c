"""Stages and their order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

StageKind = Literal["problems", "decode", "train", "evaluate"]
KIND_OF_BLOCK: Final[Mapping[str, StageKind]] = {
    "problems": "problems", "decode": "decode", "student": "train", "eval": "evaluate",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Stage:
    """One artifact to be made. Equal fingerprints mean equal artifacts, so a finished stage is reused."""

    kind: StageKind
    block: str
    fingerprint: str
    inputs: tuple[str, ...]
    """The blocks whose stages must be finished before."""

    @property
    def id(self) -> str:
        """The name of its directory: kind, block and the first 12 digits of the fingerprint."""
        return f"{self.kind}-{self.block}-{self.fingerprint[:12]}"


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that decides what a stage makes. ``path`` is its place as seen from the stage (``search.size``), whatever
    blocks are called; ``name`` is how a spec says it (``beam4.size``); ``made_from`` is the block of another stage, of
    which ``value`` is then the fingerprint.
    """

    path: str
    name: str
    value: object
    made_from: str = ""


@dataclass(frozen=True, slots=True)
class Makeup:
    """All that decides what a stage makes, and the components (kind, name) that make it."""

    parts: tuple[Part, ...]
    components: tuple[tuple[str, str], ...]

    def as_dict(self) -> dict[str, object]:
        """As a stage's entry keeps it."""
        return {part.path: part.value for part in self.parts}


@dataclass(frozen=True, slots=True)
class Graph:
    """All stages of an experiment, each after its inputs."""

    experiment: str
    stages: tuple[Stage, ...]
    makeups: Mapping[str, Makeup] = field(default_factory=dict, compare=False, repr=False)
    """By block."""

    def behind(self, block: str) -> frozenset[str]:
        """A stage's block and all that it is made from."""
        found: set[str] = set()
        pending = [block]
        while pending:
            name = pending.pop()
            if name not in found:
                found.add(name)
                pending += self.of_block(name).inputs
        return frozenset(found)

    def of_block(self, block: str) -> Stage:
        return next(stage for stage in self.stages if stage.block == block)
