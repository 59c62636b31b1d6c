"""Whose steps stand: teacher hit rates over the progress of a trace and by kind of step (paper, Figures 2, 4 and 5)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Final, TypeVar

from cordspec.artifacts.records import TraceRecord
from cordspec.report.provenance.bootstrap import DRAWS, Band, Ratio, ratios
from cordspec.report.provenance.history import Attempt, History

BINS: Final = 10
Second = TypeVar("Second")
Authors = Sequence[tuple[str, ...]]
"""The authors of each step of a trace, in order."""
Cell = tuple[str, int | None]
"""A teacher, and a bin of progress; None for the whole trace."""


def progress(step: int, steps: int, bins: int = BINS) -> int:
    """The bin in which a step (from 0) of a trace of so many steps begins; steps beyond its end count in the last one."""
    return min(bins - 1, step * bins // steps)


def share_by_progress(traces: Sequence[Authors], bins: int = BINS, draws: int = DRAWS) -> dict[Cell, Band]:
    """Of the steps that stand, the share of each author. Authors of the same step share it equally; no draws, no limits."""
    teachers = sorted({author for trace in traces for authors in trace for author in authors})
    problems: list[dict[Cell, Ratio]] = []
    for trace in traces:
        credit, steps = _credit(trace, bins), _per_bin([progress(at, len(trace), bins) for at in range(len(trace))])
        problems.append({(name, at): (credit[name, at], Fraction(steps[at])) for name in teachers for at in steps})
    return ratios(problems, draws)


def rate_by_progress(decode: Sequence[History], bins: int = BINS) -> dict[Cell, Band]:
    """Of the steps that a teacher proposed at that progress, the share that stands: who proposes more is not credited for it.

    A proposal is placed by its depth in the steps of the problem's final trace; one that says nothing counts as a step,
    one that only closes the thinking as none. Problems without a trace have no progress and are left out.
    """
    with_trace = [history for history in decode if history.trace]
    teachers = sorted({attempt.expanded.teacher for history in with_trace for attempt in history.attempts.values()})
    problems: list[dict[Cell, Ratio]] = []
    for history in with_trace:
        credit = _credit([step.authors for step in history.trace], bins)
        own: dict[Cell, Ratio] = {}
        for teacher in teachers:
            mine = (one for one in history.attempts.values() if one.expanded.teacher == teacher)
            depths = [depth for attempt in mine for depth in _depths(attempt)]
            proposed = _per_bin([progress(depth, len(history.trace), bins) for depth in depths])
            own |= {(teacher, at): (credit[teacher, at], Fraction(count)) for at, count in proposed.items()}
        problems.append(own)
    return ratios(problems)


def share_by_tag(traces: Sequence[TraceRecord], draws: int = DRAWS) -> dict[tuple[str, str], Band]:
    """By kind of step and author, where the problem source names kinds: the share of the steps of that kind that stand."""
    teachers = sorted({author for trace in traces for step in trace.steps for author in step.authors})
    problems: list[dict[tuple[str, str], Ratio]] = []
    for trace in traces:
        own: dict[tuple[str, str], Ratio] = {}
        for tag in sorted({step.tag for step in trace.steps if step.tag}):
            steps = [step for step in trace.steps if step.tag == tag]
            for name in teachers:
                credit = sum((_part(step.authors, name) for step in steps), Fraction(0))
                own[tag, name] = (credit, Fraction(len(steps)))
        problems.append(own)
    return dict(sorted(ratios(problems, draws).items()))


def values(bands: Mapping[tuple[str, Second], Band]) -> dict[str, dict[str, float | None]]:
    """The shares without their limits, by the first name, then by the second; ``all`` is the whole trace."""
    found: dict[str, dict[str, float | None]] = {}
    for (first, second), band in bands.items():
        found.setdefault(first, {})["all" if second is None else str(second)] = band.value
    return found


def _credit(trace: Authors, bins: int) -> defaultdict[Cell, Fraction]:
    credit: defaultdict[Cell, Fraction] = defaultdict(Fraction)
    for at, authors in enumerate(trace):
        for name in authors:
            credit[name, progress(at, len(trace), bins)] += _part(authors, name)
            credit[name, None] += _part(authors, name)
    return credit


def _part(authors: tuple[str, ...], name: str) -> Fraction:
    return Fraction(name in authors, len(authors))


def _per_bin(found: Sequence[int]) -> dict[int | None, int]:
    counts: dict[int | None, int] = {at: found.count(at) for at in sorted(set(found))}
    return {**counts, None: len(found)} if found else {}


def _depths(attempt: Attempt) -> Iterator[int]:
    """The depths of the steps that a proposal made."""
    proposed = attempt.proposed
    if proposed is not None and not (proposed.closes and not proposed.steps):
        yield from range(attempt.expanded.depth, attempt.expanded.depth + max(1, len(proposed.steps)))
