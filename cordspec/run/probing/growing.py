"""Asks the teachers, the scorer and the grader what a probe wants to know of one problem."""

from __future__ import annotations

import math
from asyncio import gather
from dataclasses import dataclass
from itertools import count

from cordspec.domain.problem import Problem
from cordspec.domain.search import Expansion
from cordspec.domain.trajectory import EMPTY, Trajectory
from cordspec.extension.kinds.grader import Grader
from cordspec.run.attendance import Absence
from cordspec.run.driver import Driver
from cordspec.run.merging import Answered, Merged, merge
from cordspec.run.probing.labels import follow
from cordspec.run.probing.settings import ProbeSettings
from cordspec.run.probing.tree import Level, ProbedCandidate, ProbedPrefix, ProblemProbe, WholeTrace


@dataclass(frozen=True, slots=True)
class Grower:
    """Grows the probe of one problem after the other; ``traces`` is how many whole ones each teacher writes.

    All candidates of a depth are labelled by the same teachers in turns, whoever proposed them: a right step of a weak
    teacher must not be labelled by what that teacher does next.
    """

    driver: Driver
    grader: Grader
    settings: ProbeSettings
    traces: int

    async def probe(self, problem: Problem) -> ProblemProbe:
        """Whole traces first, then depth by depth. A wrong prefix says less, and is asked less about."""
        asking = _Asking(self, problem, count())
        traces = await asking.whole_traces()
        levels: list[Level] = []
        ahead: Trajectory | None = EMPTY
        behind: Trajectory | None = None
        while (ahead is not None or behind is not None) and len(levels) < self.settings.depth:
            right, wrong = await gather(
                asking.prefix(ahead, self.settings.samples, self.settings.rollouts),
                asking.prefix(behind, 1, math.ceil(self.settings.rollouts / 2)),
            )
            levels.append(Level(len(levels) + 1, right, wrong))
            ahead, behind = (one.trajectory if one is not None else None for one in follow(levels[-1]))
        return ProblemProbe(problem, traces, tuple(levels), tuple(asking.rolled))


class _Asking:
    """The questions about one problem."""

    def __init__(self, grower: Grower, problem: Problem, numbers: count[int]) -> None:
        self._driver, self._grader, self._traces = grower.driver, grower.grader, grower.traces
        self._problem = problem
        self._numbers = numbers
        self.rolled: list[Answered] = []

    @property
    def _teachers(self) -> range:
        return range(len(self._driver.pool.teachers))

    async def whole_traces(self) -> tuple[WholeTrace, ...]:
        """As many of each teacher as equal tokens may buy."""
        asked = [(teacher, index) for index in range(self._traces) for teacher in self._teachers]
        answered = await gather(*(self._ask(EMPTY, *turn, to_end=True) for turn in asked))
        made = await gather(*(self._whole(one) for one in answered))
        return tuple(one for one in made if one is not None)

    async def _whole(self, answered: Answered) -> WholeTrace | None:
        found = merge([answered])
        if not found:
            return None
        score, right = await gather(self._driver.score(self._problem, found[0]), self._ends_right(found[0]))
        return None if right is None else WholeTrace(answered, found[0].trajectory, score, right)

    async def prefix(self, trajectory: Trajectory | None, samples: int, rollouts: int) -> ProbedPrefix | None:
        """The candidates of a prefix, scored and labelled."""
        if trajectory is None:
            return None
        asked = [(teacher, index) for teacher in self._teachers for index in range(samples)]
        answered = await gather(*(self._ask(trajectory, *turn) for turn in asked))
        candidates = await gather(*(self._candidate(one, rollouts) for one in merge(answered)))
        return ProbedPrefix(trajectory, tuple(answered), tuple(candidates))

    async def _candidate(self, merged: Merged, rollouts: int) -> ProbedCandidate:
        score, endings = await gather(self._driver.score(self._problem, merged), self._endings(merged, rollouts))
        return ProbedCandidate(merged, score, endings)

    async def _endings(self, merged: Merged, rollouts: int) -> tuple[bool, ...]:
        if merged.trajectory.finished:
            right = await self._ends_right(merged)
            return () if right is None else (right,)
        pool = len(self._teachers)
        turns = [(turn % pool, turn // pool) for turn in range(rollouts)]
        answered = await gather(*(self._ask(merged.trajectory, *turn, to_end=True) for turn in turns))
        self.rolled += answered
        endings = await gather(*(self._ends_right(end) for one in answered for end in merge([one])))
        return tuple(right for right in endings if right is not None)

    async def _ask(self, prefix: Trajectory, teacher: int, index: int, *, to_end: bool = False) -> Answered:
        expansion = Expansion(next(self._numbers), prefix, teacher, index, "trace" if to_end else "step")
        answered = await self._driver.ask(self._problem, expansion)
        answered.calls.count()
        if answered.absence is not None:
            self._driver.pool.attendance.keep([answered.absence])
        return answered

    async def _ends_right(self, merged: Merged) -> bool | None:
        """Whether the final answer of a finished trajectory is right, None where its writer cannot be asked."""
        try:
            written = await self._driver.pool.answer(
                self._problem.view, merged.trajectory, merged.expansions[0].teacher
            )
        except Absence as absence:
            self._driver.pool.attendance.keep([absence])
            return None
        return self._grader.mark(self._problem, written.text).correct
