"""The decode driver: proposals of a wave, duplicates merged, scored, told to the search, recorded."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from cordspec.domain.inference import Generation
from cordspec.domain.problem import Problem
from cordspec.domain.scoring import Candidate, Score, ScoredCandidate
from cordspec.domain.search import Expansion
from cordspec.domain.trajectory import Proposal, Step, Trajectory
from cordspec.extension.kinds.scorer import Scorer
from cordspec.extension.kinds.search import Search, SearchSetting
from cordspec.model import Block
from cordspec.run.teachers import Pool
from cordspec.run.workshop import component_errors


@dataclass(frozen=True, slots=True)
class Merged:
    """Proposals of one prefix with the same text after white-space normalisation: one candidate with all its authors."""

    expansions: tuple[Expansion, ...]
    proposals: tuple[Proposal, ...]
    trajectory: Trajectory

    @property
    def step_tokens(self) -> int:
        return sum(self.proposals[0].step_tokens)


@dataclass(frozen=True, slots=True)
class WaveRecord:
    """One wave as it happened: the candidates with their scores, the invalid proposals, and who was kept."""

    number: int
    candidates: tuple[tuple[Merged, ScoredCandidate], ...]
    invalid: tuple[tuple[Expansion, Proposal], ...]
    kept: frozenset[tuple[int, ...]]
    """The kept candidates, by the numbers of their expansions."""


@dataclass(slots=True)
class SearchRecord:
    """All that happened to one problem."""

    problem: Problem
    waves: list[WaveRecord] = field(default_factory=list)
    chosen: ScoredCandidate | None = None
    trajectory: Trajectory | None = None
    writer: int = 0
    answer: Generation | None = None
    generated: int = 0
    """Tokens generated for proposals, the discarded ones included and the final answer left out."""


OnWave = Callable[[SearchRecord, WaveRecord], None]


@dataclass(frozen=True, slots=True)
class Driver:
    """Runs one search per problem. Which problems run beside each other changes nothing in any of them."""

    pool: Pool
    scorer: Scorer
    scorer_block: Block
    search: Search
    on_wave: OnWave

    async def decode(self, problem: Problem, target_tokens: int | None = None) -> SearchRecord:
        """The search of one problem from the first step to the final answer."""
        machine = self.search.start(SearchSetting(len(self.pool.teachers), target_tokens))
        record = SearchRecord(problem)
        while expansions := machine.ask():
            proposals = await asyncio.gather(*(self.pool.propose(problem.view, expansion) for expansion in expansions))
            spent = sum(proposal.generated for proposal in proposals)
            merged = merge(expansions, proposals)
            scored = await self._score(problem, merged)
            decision = machine.tell(scored, spent)
            kept = frozenset(candidate.expansions for candidate in decision.kept)
            invalid = tuple((e, p) for e, p in zip(expansions, proposals, strict=True) if not p.valid)
            wave = WaveRecord(decision.wave, tuple(zip(merged, scored, strict=True)), invalid, kept)
            record.generated += spent
            record.waves.append(wave)
            self.on_wave(record, wave)
        await self._finish(record, machine.result())
        return record

    async def _finish(self, record: SearchRecord, best: ScoredCandidate | None) -> None:
        if best is None:
            return
        trajectory = best.trajectory if best.trajectory.finished else best.trajectory.close()
        record.chosen, record.trajectory, record.writer = best, trajectory, best.writer
        record.answer = await self.pool.answer(record.problem.view, trajectory, best.writer)

    async def _score(self, problem: Problem, merged: Sequence[Merged]) -> list[ScoredCandidate]:
        answer = problem.answer if self.scorer.needs_answer else None
        candidates = [Candidate(problem.view, one.trajectory, one.step_tokens, answer) for one in merged]
        with component_errors(self.scorer_block):
            values = await self.scorer.score(candidates) if candidates else []
            if len(values) != len(candidates):
                raise ValueError(f"it gave {len(values)} scores for {len(candidates)} candidates")
            scores = [value if isinstance(value, Score) else Score.of(float(value)) for value in values]
        return [
            ScoredCandidate(
                tuple(expansion.number for expansion in one.expansions),
                one.expansions[0].teacher,
                one.trajectory,
                score if score.valid else None,
            )
            for one, score in zip(merged, scores, strict=True)
        ]


def merge(expansions: Sequence[Expansion], proposals: Sequence[Proposal]) -> list[Merged]:
    """One candidate for each distinct valid proposal of each prefix, in the order of the first expansion of each."""
    groups: dict[tuple[str, str, bool], list[tuple[Expansion, Proposal]]] = {}
    for expansion, proposal in zip(expansions, proposals, strict=True):
        if proposal.valid:
            same = (expansion.prefix.key, " ".join("".join(proposal.steps).split()), proposal.closes)
            groups.setdefault(same, []).append((expansion, proposal))
    merged = []
    for group in groups.values():
        first, proposal = group[0]
        authors = tuple(dict.fromkeys(other.teacher for _, other in group))
        steps = tuple(
            Step(text, authors, tokens) for text, tokens in zip(proposal.steps, proposal.step_tokens, strict=True)
        )
        trajectory = first.prefix.extend(steps, finished=proposal.closes, forced=proposal.forced)
        merged.append(Merged(tuple(e for e, _ in group), tuple(p for _, p in group), trajectory))
    return merged
