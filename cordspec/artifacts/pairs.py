"""Pairs of steps: what stands in a chosen trace beside a proposal for the same prefix that scored lower."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from cordspec.artifacts.choices import Choice, choices
from cordspec.artifacts.records import CandidateRecord, TraceRecord


@dataclass(frozen=True, slots=True)
class Pair:
    """One sibling that scored lower than what was chosen. ``margin`` is the difference of the scores, above 0."""

    choice: Choice
    loser: CandidateRecord
    margin: float


def pairs_of(trace: TraceRecord, candidates: Sequence[CandidateRecord], margin: float = 0.0) -> Iterator[Pair]:
    """A pair for each sibling that scored lower than a step of the trace, by at least ``margin``."""
    for choice in choices(trace, candidates):
        for loser, difference in choice.lower_by(margin):
            yield Pair(choice, loser, difference)


def closes(candidate: CandidateRecord) -> bool:
    """Whether its teacher ended the thinking after it; an end by force is nobody's words."""
    return candidate.finished and not candidate.forced


def scored_by_problem(
    traces: Iterable[TraceRecord], candidates: Iterable[CandidateRecord]
) -> dict[str, list[CandidateRecord]]:
    """The scored candidates of each problem that has a trace, in the order in which they were proposed."""
    found: dict[str, list[CandidateRecord]] = {trace.problem: [] for trace in traces}
    for candidate in candidates:
        if candidate.score is not None:
            found[candidate.problem].append(candidate)
    return found
