"""`beam`: each teacher extends each kept prefix by one step; the best ones are kept (paper, algorithm 1)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar, Literal

from pydantic import Field

from cordspec.plugin import (
    Component,
    Decision,
    Expansion,
    Options,
    ScoredCandidate,
    Search,
    SearchMachine,
    SearchSetting,
    Trajectory,
    Wave,
    hookimpl,
)


class BeamOptions(Options):
    """Options of `search NAME : beam { ... }`."""

    size: int = Field(4, ge=1, le=256, description="number of prefixes that are kept; 1 is greedy search")
    samples: int = Field(1, ge=1, le=64, description="proposals of each teacher for each prefix")
    finished: Literal["compete"] = Field(
        "compete", description="finished beams keep their place while their score stays among the best"
    )


class Beam(Search[BeamOptions]):
    """Keeps the ``size`` best prefixes and stops when all of them are finished."""

    name: ClassVar[str] = "beam"
    unit: ClassVar[str] = "step"

    def __init__(self, options: BeamOptions) -> None:
        super().__init__(options)
        self._size, self._samples = options.size, options.samples

    def waves(self, steps: int, teachers: int) -> Sequence[Wave]:
        each = teachers * self.options.samples
        kept, made = 1, []
        for depth in range(steps):
            made.append(Wave(kept * each, depth, 1, min(self.options.size, kept * each)))
            kept = made[-1].kept
        return made

    def start(self, setting: SearchSetting) -> BeamMachine:
        return BeamMachine(self._size, self._samples, setting.teachers)


class BeamMachine(SearchMachine):
    """Beam search of one problem. In the first wave there is one prefix, so fewer than ``size`` may be kept."""

    def __init__(self, size: int, samples: int, teachers: int) -> None:
        self._size, self._samples, self._teachers = size, samples, teachers
        self._kept: list[ScoredCandidate] = []
        self._open: list[Trajectory] = [Trajectory()]
        self._asked = 0
        self._wave = 0

    def ask(self) -> Sequence[Expansion]:
        wanted = [
            (prefix, teacher, index)
            for prefix in self._open
            for teacher in range(self._teachers)
            for index in range(self._samples)
        ]
        first = self._asked
        self._asked += len(wanted)
        return [
            Expansion(first + at, prefix, teacher, index, "step") for at, (prefix, teacher, index) in enumerate(wanted)
        ]

    def tell(self, candidates: Sequence[ScoredCandidate], spent_tokens: int) -> Decision:
        valid = [candidate for candidate in candidates if candidate.score is not None and candidate.score.valid]
        finished = [candidate for candidate in self._kept if candidate.trajectory.finished]
        kept = _distinct(sorted([*finished, *valid], key=lambda candidate: candidate.rank))[: self._size]
        if valid:
            self._kept = kept
            self._open = [candidate.trajectory for candidate in kept if not candidate.trajectory.finished]
        else:
            self._open = []
        chosen = {id(candidate) for candidate in self._kept}
        dropped = sorted((c for c in [*finished, *candidates] if id(c) not in chosen), key=lambda c: c.rank)
        self._wave += 1
        return Decision(self._wave, tuple(self._kept), tuple(dropped))

    def result(self) -> ScoredCandidate | None:
        """The best finished one; if there is none, the best of all, which the driver then closes."""
        finished = [candidate for candidate in self._kept if candidate.trajectory.finished]
        return min(finished or self._kept, key=lambda candidate: candidate.rank, default=None)


def _distinct(ranked: Sequence[ScoredCandidate]) -> list[ScoredCandidate]:
    """Without repeated trajectories: a prefix that is closed at once may equal one that finished a wave before."""
    return list({candidate.trajectory.key: candidate for candidate in reversed(ranked)}.values())[::-1]


@hookimpl
def cordspec_components() -> Iterable[type[Component]]:
    yield Beam
