"""The decode driver: proposals of a wave, duplicates merged, scored, told to the search, recorded."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cordspec.domain.events import Event
from cordspec.domain.inference import Call, Generation
from cordspec.domain.problem import Problem
from cordspec.domain.scoring import Candidate, Score, ScoredCandidate
from cordspec.domain.search import Decision, Expansion
from cordspec.domain.trajectory import Trajectory
from cordspec.extension.component import Unavailable
from cordspec.extension.kinds.scorer import Scorer
from cordspec.extension.kinds.search import Search, SearchSetting
from cordspec.model import Block
from cordspec.run import provenance
from cordspec.run.attendance import Absence
from cordspec.run.calls import collected
from cordspec.run.merging import Answered, Merged, merge
from cordspec.run.teachers import Pool
from cordspec.run.workshop import component_errors

if TYPE_CHECKING:
    from cordspec.run.integrating import Integrator


@dataclass(frozen=True, slots=True)
class Judged:
    """A candidate with its score and what scoring it cost."""

    merged: Merged
    scored: ScoredCandidate
    calls: tuple[Call, ...]


@dataclass(frozen=True, slots=True)
class WaveRecord:
    """One wave as it happened: what was asked and answered, the candidates with their scores, what was decided."""

    answered: tuple[Answered, ...]
    candidates: tuple[Judged, ...]
    decision: Decision

    @property
    def number(self) -> int:
        return self.decision.wave


@dataclass(slots=True)
class SearchRecord:
    """All that happened to one problem."""

    problem: Problem
    waves: list[WaveRecord] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    chosen: ScoredCandidate | None = None
    trajectory: Trajectory | None = None
    writer: str = ""
    """The label of who wrote the final answer."""
    answer: Generation | None = None
    generated: int = 0
    """Tokens generated for proposals, the discarded ones included and the final answer left out."""

    @property
    def kept(self) -> frozenset[tuple[int, ...]]:
        """The candidates that some wave kept, by the numbers of their expansions."""
        return frozenset(one.expansions for wave in self.waves for one in wave.decision.kept)


OnWave = Callable[[SearchRecord, WaveRecord], None]


@dataclass(frozen=True, slots=True)
class Driver:
    """Runs one search per problem. Which problems run beside each other changes nothing in any of them."""

    pool: Pool
    scorer: Scorer
    scorer_block: Block
    search: Search
    on_wave: OnWave
    integrator: Integrator | None = None

    async def decode(self, problem: Problem, target_tokens: int | None = None) -> SearchRecord:
        """The search of one problem from the first step to the final answer."""
        machine = self.search.start(SearchSetting(len(self.pool.teachers), target_tokens, self.pool.weights))
        record = SearchRecord(problem)
        while expansions := machine.ask():
            answered = await asyncio.gather(*(self.ask(problem, expansion) for expansion in expansions))
            present = [one.proposal for one in answered if one.proposal is not None]
            if not present:
                raise Unavailable(f"no teacher can be asked: {answered[0].reason}", "give the command again later")
            spent = sum(proposal.generated for proposal in present)
            judged = await asyncio.gather(*(self._judged(problem, one) for one in merge(answered)))
            decision = machine.tell([one.scored for one in judged], spent)
            wave = WaveRecord(tuple(answered), tuple(judged), decision)
            record.generated += spent
            record.waves.append(wave)
            record.events += provenance.wave_events(problem, self._labels, wave)
            self.on_wave(record, wave)
        await self._finish(record, machine.result())
        return record

    @property
    def _labels(self) -> tuple[str, ...]:
        return tuple(teacher.label for teacher in self.pool.teachers)

    async def ask(self, problem: Problem, expansion: Expansion) -> Answered:
        """What comes of an expansion; an absent teacher is an answer too."""
        with collected() as calls:
            try:
                if expansion.extent == "merge":
                    assert self.integrator is not None, "declared by Search.integrator"
                    proposal = await self.integrator.merge(problem.view, expansion)
                else:
                    proposal = await self.pool.propose(problem.view, expansion)
            except Absence as absence:
                return Answered(expansion, None, reason=str(absence))
        return Answered(expansion, proposal, tuple(calls))

    async def score(self, problem: Problem, one: Merged) -> Score | None:
        """The score of a candidate, None where the scorer could give none."""
        answer = problem.answer if self.scorer.needs_answer else None
        candidate = Candidate(problem.view, one.trajectory, one.step_tokens, answer, one.expansions[0].prefix)
        with component_errors(self.scorer_block):
            values = await self.scorer.score([candidate])
            if len(values) != 1:
                raise ValueError(f"it gave {len(values)} scores for 1 candidate")
            score = values[0] if isinstance(values[0], Score) else Score.of(float(values[0]))
        return score if score.valid else None

    async def _judged(self, problem: Problem, one: Merged) -> Judged:
        with collected() as calls:
            score = await self.score(problem, one)
        numbers = tuple(expansion.number for expansion in one.expansions)
        scored = ScoredCandidate(numbers, one.expansions[0].teacher, one.trajectory, score)
        return Judged(one, scored, tuple(calls))

    async def _finish(self, record: SearchRecord, best: ScoredCandidate | None) -> None:
        if best is None:
            return
        trajectory = best.trajectory if best.trajectory.finished else best.trajectory.close()
        record.chosen, record.trajectory = best, trajectory
        answered = _answered_in(record.waves, best.expansions[0])
        assert answered.proposal is not None
        record.writer = answered.proposal.teacher
        with collected() as calls:
            if answered.proposal.answer is not None:
                record.answer = Generation(answered.proposal.answer, 0, "end")
            else:
                record.answer = await self._final_answer(record.problem, trajectory, best.writer)
        record.events.append(provenance.finished(record.problem, record.waves, best, record, tuple(calls)))

    async def _final_answer(self, problem: Problem, trajectory: Trajectory, writer: int) -> Generation | None:
        try:
            return await self.pool.answer(problem.view, trajectory, writer)
        except Absence:
            return None


def _answered_in(waves: Sequence[WaveRecord], number: int) -> Answered:
    """What came of an expansion, by its number."""
    return next(one for wave in reversed(waves) for one in wave.answered if one.expansion.number == number)
