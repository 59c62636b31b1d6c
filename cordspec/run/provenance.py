"""Waves to events: what a wave asked, got, scored and decided, in an order that does not depend on arrival."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from cordspec.domain.events import (
    Absent,
    BackedUp,
    Committed,
    Dropped,
    Event,
    Expanded,
    Finished,
    Formed,
    Proposed,
    Scored,
    Tied,
)
from cordspec.domain.inference import Call
from cordspec.domain.problem import Problem
from cordspec.domain.scoring import ScoredCandidate
from cordspec.run.merging import Answered

if TYPE_CHECKING:
    from cordspec.run.driver import SearchRecord, WaveRecord
    from cordspec.run.waves import Judged

TIE_RULES: Final = ("log-probability", "fewer tokens", "teacher order", "content")
"""What decides between equal scores, in this order (paper.md section 4); the parts of `ScoredCandidate.rank`."""


def wave_events(problem: Problem, labels: Sequence[str], wave: WaveRecord) -> Iterator[Event]:
    """The events of one wave."""
    at = (problem.id, wave.number)
    for one in wave.answered:
        yield from _asked(at, labels, one)
    for judged in wave.candidates:
        yield _formed(at, judged, problem.answer)
        yield _scored(at, judged)
    decision = wave.decision
    for backup in decision.backups:
        yield BackedUp(*at, path=tuple(prefix.key for prefix in backup.path), value=backup.value)
    for ahead, behind in pairwise([*decision.kept, *decision.dropped]):
        rule = _tie(ahead, behind)
        if rule:
            yield Tied(*at, ahead=ahead.expansions[0], behind=behind.expansions[0], decided_by=rule)
    root = decision.root.key if decision.root is not None else None
    yield Committed(*at, candidates=tuple(one.expansions[0] for one in decision.kept), root=root)
    for one_dropped in decision.dropped:
        yield Dropped(*at, candidate=one_dropped.expansions[0])


def finished(
    problem: Problem, waves: Sequence[WaveRecord], best: ScoredCandidate, record: SearchRecord, calls: tuple[Call, ...]
) -> Finished:
    """The end of a search."""
    assert record.trajectory is not None
    return Finished(
        problem.id, waves[-1].number, best.expansions[0], record.trajectory.key, record.writer,
        record.trajectory.forced, record.answer.text if record.answer else "", calls,
    )  # fmt: skip


def _asked(at: tuple[str, int], labels: Sequence[str], one: Answered) -> Iterator[Event]:
    expansion, proposal = one.expansion, one.proposal
    teacher = proposal.teacher if proposal is not None else labels[expansion.teacher]
    prefix = expansion.prefix
    yield Expanded(*at, expansion.number, prefix.key, len(prefix.steps), teacher, expansion.index, expansion.extent)
    if proposal is None:
        yield Absent(*at, expansion.number, teacher, str(one.absence))
        return
    yield Proposed(
        *at, expansion.number, teacher, proposal.steps, proposal.step_tokens, proposal.closes, proposal.forced,
        proposal.generated, proposal.violations or (() if proposal.valid else ("empty step",)), one.calls.made,
    )  # fmt: skip


def _formed(at: tuple[str, int], judged: Judged, answer: str) -> Formed:
    merged = judged.merged
    trajectory = merged.trajectory
    return Formed(
        *at, merged.number, trajectory.key, merged.expansions[0].prefix.key,
        tuple(expansion.number for expansion in merged.expansions), merged.authors, len(trajectory.steps),
        merged.step_tokens, trajectory.finished, trajectory.forced, holds(merged.new_text, answer),
    )  # fmt: skip


def _scored(at: tuple[str, int], judged: Judged) -> Scored:
    score = judged.scored.score
    if score is None:
        return Scored(*at, judged.merged.number, None, None, (), None, judged.calls)
    return Scored(*at, judged.merged.number, score.value, score.logprob, score.tokens, score.reference, judged.calls)


def _tie(ahead: ScoredCandidate, behind: ScoredCandidate) -> str:
    """The rule that put one candidate before another of the same score; empty where the scores differ."""
    if ahead.score is None or behind.score is None or ahead.score.value != behind.score.value:
        return ""
    rules = zip(TIE_RULES, ahead.rank[1:], behind.rank[1:], strict=True)
    return next((rule for rule, one, other in rules if one != other), "")


def holds(text: str, answer: str) -> bool:
    """Whether a text states an answer: as a whole word or number, not as part of another."""
    return bool(answer) and re.search(rf"(?<![\w.]){re.escape(answer)}(?!\w|\.\d)", text) is not None
