"""What happened in a search, as records."""

from __future__ import annotations

from collections.abc import Iterator

from cordspec.artifacts.records import CandidateRecord, Fate, StepRecord, TraceRecord
from cordspec.domain.scoring import ScoredCandidate
from cordspec.domain.trajectory import Trajectory
from cordspec.extension.kinds.grader import Grader
from cordspec.run.driver import SearchRecord, WaveRecord


def candidate_records(record: SearchRecord) -> list[CandidateRecord]:
    """All candidates of a problem, wave by wave, in the order in which they were proposed."""
    kept = record.kept
    return [candidate for wave in record.waves for candidate in _of_wave(record.problem.id, wave, kept)]


def _of_wave(problem: str, wave: WaveRecord, kept: frozenset[tuple[int, ...]]) -> Iterator[CandidateRecord]:
    for merged, scored in ((one.merged, one.scored) for one in wave.candidates):
        first = merged.expansions[0]
        yield CandidateRecord(
            problem=problem,
            wave=wave.number,
            candidate=scored.trajectory.key,
            parent=first.prefix.key,
            text=merged.new_text,
            authors=merged.authors,
            score=scored.score.value if scored.score else None,
            logprob=scored.score.logprob if scored.score else None,
            finished=scored.trajectory.finished,
            forced=scored.trajectory.forced,
            fate=_fate(scored, kept),
            tokens=merged.step_tokens,
            generated=sum(proposal.generated for proposal in merged.proposals),
            violations=tuple(dict.fromkeys(said for proposal in merged.proposals for said in proposal.violations)),
        )
    for expansion, proposal in ((one.expansion, one.proposal) for one in wave.answered):
        if proposal is None or proposal.valid:
            continue
        yield CandidateRecord(
            problem=problem, wave=wave.number, candidate="", parent=expansion.prefix.key, text="",
            authors=(proposal.teacher,), score=None, logprob=None, finished=False, forced=False, fate="invalid",
            tokens=0, generated=proposal.generated, violations=proposal.violations or ("empty step",),
        )  # fmt: skip


def _fate(scored: ScoredCandidate, kept: frozenset[tuple[int, ...]]) -> Fate:
    if scored.score is None:
        return "failed"
    return "kept" if scored.expansions in kept else "dropped"


def trace_record(record: SearchRecord, grader: Grader) -> TraceRecord:
    """The chosen trace of a problem, graded."""
    problem, trajectory = record.problem, record.trajectory
    if trajectory is None or record.answer is None:
        return TraceRecord(
            problem.id, problem.question, problem.answer, (), "", "", False, False, None, len(record.waves),
            record.generated, 0, outcome="no answer",
        )  # fmt: skip
    scores = _scores(record)
    by_driver = record.chosen is not None and not record.chosen.trajectory.finished
    tags = [*problem.step_tags, *("" for _ in trajectory.steps)]
    steps = tuple(
        StepRecord(
            step.text,
            step.authors,
            step.tokens,
            scores.get(_prefix_key(trajectory, at + 1, closed_by_driver=by_driver)),
            tags[at],
        )
        for at, step in enumerate(trajectory.steps)
    )
    chosen = record.chosen.score if record.chosen else None
    verdict = grader.mark(problem, record.answer.text)
    return TraceRecord(
        problem=problem.id,
        question=problem.question,
        reference=problem.answer,
        steps=steps,
        answer=record.answer.text,
        writer=record.writer,
        correct=verdict.correct,
        forced=trajectory.forced,
        score=chosen.value if chosen else None,
        waves=len(record.waves),
        generated=record.generated,
        answer_tokens=record.answer.tokens,
        reference_score=chosen.reference if chosen else None,
        outcome=verdict.outcome,
        reason=verdict.reason,
    )


def _scores(record: SearchRecord) -> dict[str, float]:
    """The score of every prefix that was scored, by its key."""
    return {
        one.scored.trajectory.key: one.scored.score.value
        for wave in record.waves
        for one in wave.candidates
        if one.scored.score is not None
    }


def _prefix_key(trajectory: Trajectory, length: int, *, closed_by_driver: bool) -> str:
    """The key under which the first ``length`` steps stood when they were scored."""
    closed = length == len(trajectory.steps) and trajectory.finished and not closed_by_driver
    return Trajectory(trajectory.steps[:length], closed).key
