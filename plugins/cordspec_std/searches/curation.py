"""`curation`: every teacher writes complete traces; the one with the best score is kept (paper, section 4.1)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar, Final, Literal

from pydantic import Field

from cordspec.plugin import (
    Component,
    Decision,
    DecodeRef,
    Expansion,
    Options,
    Ref,
    ScoredCandidate,
    Search,
    SearchMachine,
    SearchSetting,
    Trajectory,
    Wave,
    hookimpl,
)


class CurationOptions(Options):
    """Options of `search NAME : curation { ... }`."""

    traces_per_teacher: int = Field(4, ge=1, le=4_096, description="complete traces of each teacher for each problem")
    pick: Literal["score", "random", "longest"] = Field(
        "score",
        description="which trace is kept: the best scored, any (drawn by its content), or the one of most tokens",
    )
    match_tokens: DecodeRef | None = Field(
        None,
        description="spend on each problem as many generated tokens as this decode did, instead of traces_per_teacher",
    )


def _drawn(candidate: ScoredCandidate) -> tuple[str, object]:
    """An order that has nothing to do with how good a trace is, and is the same in every run."""
    return hashlib.sha256(candidate.trajectory.key.encode()).hexdigest(), candidate.rank


def _longest(candidate: ScoredCandidate) -> tuple[int, object]:
    return -candidate.trajectory.tokens, candidate.rank


PICKS: Final = {"score": lambda candidate: candidate.rank, "random": _drawn, "longest": _longest}


class Curation(Search[CurationOptions]):
    """Best of n over all teachers."""

    name: ClassVar[str] = "curation"
    unit: ClassVar[str] = "trajectory"

    def __init__(self, options: CurationOptions) -> None:
        super().__init__(options)
        self._each, self._match = options.traces_per_teacher, options.match_tokens
        self._key = PICKS[options.pick]

    @property
    def matched(self) -> Ref | None:
        return self._match

    def waves(self, steps: int, teachers: int) -> Sequence[Wave] | None:
        if self.options.match_tokens is not None:
            return None  # as many as the other decode's tokens buy
        return [Wave(teachers * self.options.traces_per_teacher, 0, steps, 1)]

    def start(self, setting: SearchSetting) -> CurationMachine:
        return CurationMachine(self._each, setting, self._key)


def turns(setting: SearchSetting) -> list[int]:
    """One round of whole traces: each teacher as often as its weight says, the others in between."""
    heaviest = max(setting.weight(teacher) for teacher in range(setting.teachers))
    return [
        teacher for turn in range(heaviest) for teacher in range(setting.teachers) if turn < setting.weight(teacher)
    ]


def turn_of(number: int, one_round: Sequence[int]) -> tuple[int, int]:
    """Whose turn the trace of this number is, and how many that teacher wrote before it."""
    rounds, at = divmod(number, len(one_round))
    teacher = one_round[at]
    return teacher, rounds * one_round.count(teacher) + one_round[:at].count(teacher)


class CurationMachine(SearchMachine):
    """Traces of one problem, in turns over the teachers.

    With a target it goes on trace by trace while half a mean trace more still fits, so that the tokens spent lie on
    either side of the target alike and agree with it over many problems.
    """

    def __init__(self, each: int, setting: SearchSetting, key: Callable[[ScoredCandidate], Any] | None = None) -> None:
        self._key = key or PICKS["score"]
        self._turns = turns(setting)
        self._each, self._target = each, setting.target_tokens
        self._asked = 0
        self._spent = 0
        self._wave = 0
        self._best: ScoredCandidate | None = None

    def ask(self) -> Sequence[Expansion]:
        if self._target is None:
            count = 0 if self._asked else self._each * len(self._turns)
        elif self._asked == 0:
            count = 1
        else:
            count = int(self._spent + self._spent / self._asked / 2 < self._target)
        wanted = range(self._asked, self._asked + count)
        self._asked += count
        return [Expansion(number, Trajectory(), *turn_of(number, self._turns), "trace") for number in wanted]

    def tell(self, candidates: Sequence[ScoredCandidate], spent_tokens: int) -> Decision:
        self._spent += spent_tokens
        self._wave += 1
        valid = [candidate for candidate in candidates if candidate.score is not None and candidate.score.valid]
        former = [self._best] if self._best is not None else []
        self._best = min([*former, *valid], key=self._key, default=None)
        kept = (self._best,) if self._best is not None else ()
        dropped = sorted((c for c in [*former, *candidates] if c is not self._best), key=lambda c: c.rank)
        return Decision(self._wave, kept, tuple(dropped))

    def result(self) -> ScoredCandidate | None:
        return self._best


@hookimpl
def cordspec_components() -> Iterable[type[Component]]:
    yield Curation
