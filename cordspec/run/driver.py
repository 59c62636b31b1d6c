"""The decode driver: proposals of a wave, duplicates merged, scored, told to the search, recorded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cordspec.domain.events import Event
from cordspec.domain.inference import Generation
from cordspec.domain.problem import Problem
from cordspec.domain.scoring import Candidate, Score, ScoredCandidate
from cordspec.domain.search import Decision, Expansion
from cordspec.domain.trajectory import Trajectory
from cordspec.extension.component import Unavailable
from cordspec.extension.kinds.scorer import Scorer
from cordspec.extension.kinds.search import Search, SearchMachine, SearchSetting
from cordspec.faultpoints import faultpoint
from cordspec.model import Block
from cordspec.run import provenance
from cordspec.run.ahead import Ahead
from cordspec.run.attendance import Absence
from cordspec.run.calls import Calls, collected
from cordspec.run.merging import Answered, Merged
from cordspec.run.teachers import Pool
from cordspec.run.waves import Judged, WaveWork
from cordspec.run.workshop import component_errors

if TYPE_CHECKING:
    from cordspec.run.integrating import Integrator


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
    """Runs one search per problem. Which problems run beside each other changes nothing in any of them.

    With ``eager``, expansions that are sure to be asked for begin before their wave is complete (`SearchMachine.foresee`);
    the results are those of waiting. ``guesses`` is the number of requests that a teacher's model may have under way and
    still be asked for what only may be needed: guesses that do not come true are wasted, and change nothing either.
    ``waits`` says that a scorer that cannot be asked may come back, being behind a server.
    """

    pool: Pool
    scorer: Scorer
    scorer_block: Block
    search: Search
    on_wave: OnWave
    integrator: Integrator | None = None
    eager: bool = True
    guesses: int = 0
    waits: bool = False

    async def decode(self, problem: Problem, target_tokens: int | None = None) -> SearchRecord:
        """The search of one problem from the first step to the final answer."""
        machine = self.search.start(SearchSetting(len(self.pool.teachers), target_tokens, self.pool.weights))
        record = SearchRecord(problem)
        ahead = Ahead(lambda expansion: self.ask(problem, expansion))
        try:
            while expansions := machine.ask():
                await ahead.drop(but=expansions)
                await self._wave(problem, machine, expansions, ahead, record)
        finally:
            await ahead.drop()
        await self._finish(record, machine.result())
        return record

    async def _wave(
        self,
        problem: Problem,
        machine: SearchMachine,
        expansions: Sequence[Expansion],
        ahead: Ahead,
        record: SearchRecord,
    ) -> None:
        def foresee(known: Sequence[ScoredCandidate], pending: int) -> None:
            ahead.begin(machine.foresee(known, pending))
            if self.guesses:
                ahead.begin(one for one in machine.foresee(known, 0) if self._idle(one.teacher))

        look = foresee if self.eager else None
        work = WaveWork(expansions, ahead, lambda one: self._judge(problem, one), look, self.scorer.reads_lengths)
        answered, judged = await work.run()
        present = [one.proposal for one in answered if one.proposal is not None]
        if not present:
            raise Unavailable(f"no teacher can be asked: {answered[0].absence}", "give the command again later")
        self.pool.attendance.keep(one.absence for one in answered if one.absence is not None)
        spent = sum(proposal.generated for proposal in present)
        faultpoint("wave.before_decision")
        decision = machine.tell([one.scored for one in judged], spent)
        wave = WaveRecord(tuple(answered), tuple(judged), decision)
        record.generated += spent
        record.waves.append(wave)
        record.events += provenance.wave_events(problem, self._labels, wave)
        faultpoint("wave.decided")
        self.on_wave(record, wave)

    def _idle(self, teacher: int) -> bool:
        return self.pool.teachers[teacher].engine.load < self.guesses

    @property
    def _labels(self) -> tuple[str, ...]:
        return tuple(teacher.label for teacher in self.pool.teachers)

    async def ask(self, problem: Problem, expansion: Expansion) -> Answered:
        """What comes of an expansion; an absent teacher is an answer too. Its calls are the caller's to count, and its
        absence the caller's to keep.
        """
        with collected() as calls:
            try:
                if expansion.extent == "merge":
                    assert self.integrator is not None, "declared by Search.integrator"
                    proposal = await self.integrator.merge(problem.view, expansion)
                else:
                    proposal = await self.pool.propose(problem.view, expansion)
            except Absence as absence:
                return Answered(expansion, None, absence=absence)
        return Answered(expansion, proposal, calls)

    async def score(self, problem: Problem, one: Merged) -> Score | None:
        """The score of a candidate, None where the scorer could give none."""
        answer = problem.answer if self.scorer.needs_answer else None
        candidate = Candidate(problem.view, one.trajectory, one.step_tokens, answer, one.expansions[0].prefix)
        with component_errors(self.scorer_block):
            if self.waits:
                values = await self.pool.attendance.ask_scorer(lambda: self.scorer.score([candidate]))
            else:
                values = await self.scorer.score([candidate])
            if len(values) != 1:
                raise ValueError(f"it gave {len(values)} scores for 1 candidate")
            score = values[0] if isinstance(values[0], Score) else Score.of(float(values[0]))
        return score if score.valid else None

    async def _judge(self, problem: Problem, one: Merged) -> tuple[Score | None, Calls]:
        with collected() as calls:
            return await self.score(problem, one), calls

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
        calls.count()
        record.events.append(provenance.finished(record.problem, record.waves, best, record, calls.made))

    async def _final_answer(self, problem: Problem, trajectory: Trajectory, writer: int) -> Generation | None:
        try:
            return await self.pool.answer(problem.view, trajectory, writer)
        except Absence as absence:
            self.pool.attendance.keep([absence])
            return None


def _answered_in(waves: Sequence[WaveRecord], number: int) -> Answered:
    """What came of an expansion, by its number."""
    return next(one for wave in reversed(waves) for one in wave.answered if one.expansion.number == number)
