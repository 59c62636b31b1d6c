"""`beam`: each teacher extends each kept prefix by one step; the best ones are kept (paper, algorithm 1)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

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
from cordspec_std.searches.completion import RULES, Rule, surely_open


class BeamOptions(Options):
    """Options of `search NAME : beam { ... }`."""

    size: int = Field(4, ge=1, le=256, description="number of prefixes that are kept; 1 is greedy search")
    samples: int = Field(1, ge=1, le=64, description="proposals of each teacher for each prefix")
    finished: Rule = Field(
        "compete",
        description="finished beams keep their place while their score stays among the best, are set aside without a"
        " place, keep their place for good, or the first one ends the search",
    )


class Beam(Search[BeamOptions]):
    """Keeps the ``size`` best prefixes until its rule of completion ends the search."""

    name: ClassVar[str] = "beam"
    unit: ClassVar[str] = "step"

    def waves(self, steps: int, teachers: int) -> Sequence[Wave]:
        each = teachers * self.options.samples
        kept, made = 1, []
        for depth in range(steps):
            made.append(Wave(kept * each, depth, 1, min(self.options.size, kept * each)))
            kept = made[-1].kept
        return made

    def start(self, setting: SearchSetting) -> BeamMachine:
        return BeamMachine(self.options.size, self.options.samples, setting, self.options.finished)


class BeamMachine(SearchMachine):
    """Beam search of one problem. In the first wave there is one prefix, so fewer than ``size`` may be kept."""

    def __init__(self, size: int, samples: int, setting: SearchSetting, rule: Rule = "compete") -> None:
        self._size, self._rule = size, rule
        self._turns = [
            (teacher, index)
            for teacher in range(setting.teachers)
            for index in range(samples * setting.weight(teacher))
        ]
        self._finished: list[ScoredCandidate] = []
        self._open: list[ScoredCandidate] = []
        self._prefixes: list[Trajectory] = [Trajectory()]
        self._asked = 0
        self._wave = 0

    def ask(self) -> Sequence[Expansion]:
        wanted = self._expansions(self._prefixes, self._asked)
        self._asked += len(wanted)
        return wanted

    def foresee(self, known: Sequence[ScoredCandidate], pending: int) -> Sequence[Expansion]:
        valid = [candidate for candidate in known if candidate.score is not None and candidate.score.valid]
        sure = surely_open(self._rule, self._finished, valid, pending, self._size)
        return self._expansions([one.trajectory for one in sure], self._asked)

    def _expansions(self, prefixes: Sequence[Trajectory], first: int) -> list[Expansion]:
        wanted = [(prefix, *turn) for prefix in prefixes for turn in self._turns]
        return [Expansion(first + at, prefix, teacher, index) for at, (prefix, teacher, index) in enumerate(wanted)]

    def tell(self, candidates: Sequence[ScoredCandidate], spent_tokens: int) -> Decision:
        valid = [candidate for candidate in candidates if candidate.score is not None and candidate.score.valid]
        before = self._finished
        if valid:
            self._finished, self._open, over = RULES[self._rule](before, valid, self._size)
            self._prefixes = [] if over else [one.trajectory for one in self._open]
        else:
            self._prefixes = []  # nobody has said anything more: what was kept stays
        kept = sorted([*self._finished, *self._open], key=lambda candidate: candidate.rank)
        chosen = {id(candidate) for candidate in kept}
        dropped = sorted((c for c in [*before, *candidates] if id(c) not in chosen), key=lambda c: c.rank)
        self._wave += 1
        return Decision(self._wave, tuple(kept), tuple(dropped))

    def result(self) -> ScoredCandidate | None:
        """The best finished one; if there is none, the best of all, which the driver then closes."""
        return min(self._finished or self._open, key=lambda candidate: candidate.rank, default=None)


@hookimpl
def cordspec_components() -> Iterable[type[Component]]:
    yield Beam
