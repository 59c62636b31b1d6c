"""What a search asks for, and what it hands back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from cordspec.domain.scoring import ScoredCandidate
from cordspec.domain.trajectory import Trajectory

Extent = Literal["step", "trace", "merge"]
"""One step, everything up to the end, or one trace made from several by an integrator."""


@dataclass(frozen=True, slots=True)
class Expansion:
    """A request for one proposal: which teacher (its place in the pool) goes on from which prefix, and how far.

    ``index`` counts repeated requests for the same prefix and teacher: it is part of the seed, so that two samples of
    one teacher differ and the same request is always answered alike. ``number`` identifies the expansion in its search.
    """

    number: int
    prefix: Trajectory
    teacher: int
    index: int = 0
    extent: Extent = "step"
    sources: tuple[Trajectory, ...] = ()
    """The finished traces to merge."""


@dataclass(frozen=True, slots=True)
class Backup:
    """A value that a tree search carried up: to every prefix of ``path``, from the root down."""

    path: tuple[Trajectory, ...]
    value: float


@dataclass(frozen=True, slots=True)
class Decision:
    """What became of the candidates of one wave, in rank order.

    A tree search says which values it carried up, and the new root when it moves.
    """

    wave: int
    kept: tuple[ScoredCandidate, ...]
    dropped: tuple[ScoredCandidate, ...]
    backups: tuple[Backup, ...] = ()
    root: Trajectory | None = None
