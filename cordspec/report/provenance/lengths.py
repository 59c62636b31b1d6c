"""How long steps and how deep traces are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Final

from cordspec.report.provenance.history import History
from cordspec.report.statistics import quantile

QUANTILES: Final = (0.0, 0.1, 0.5, 0.9, 1.0)


@dataclass(frozen=True, slots=True)
class Summary:
    """``n`` values with mean, coefficient of variation (standard deviation over mean) and quantiles (`QUANTILES`)."""

    n: int
    mean: float | None
    cv: float | None
    quantiles: tuple[float, ...]


def summary(values: Sequence[float]) -> Summary:
    """The summary of a sample."""
    if not values:
        return Summary(0, None, None, ())
    mean, ordered = fmean(values), sorted(values)
    cv = stdev(values) / mean if len(values) > 1 and mean else None
    return Summary(len(values), mean, cv, tuple(quantile(ordered, share) for share in QUANTILES))


@dataclass(frozen=True, slots=True)
class Lengths:
    """Steps by teacher in its own tokens, as ``proposed`` and those that stand (``kept``, of a step with several authors
    in the first one's); ``depth`` counts the steps of traces.
    """

    proposed: dict[str, Summary]
    kept: dict[str, Summary]
    depth: Summary


def lengths(decode: Sequence[History]) -> Lengths:
    """The lengths of a decode's steps and traces."""
    proposed: defaultdict[str, list[int]] = defaultdict(list)
    kept: defaultdict[str, list[int]] = defaultdict(list)
    for history in decode:
        for attempt in history.attempts.values():
            proposed[attempt.expanded.teacher] += attempt.proposed.lengths if attempt.proposed else ()
        for step in history.trace:
            kept[step.authors[0]].append(step.length)
    return Lengths(
        {teacher: summary(values) for teacher, values in sorted(proposed.items())},
        {teacher: summary(kept[teacher]) for teacher in sorted(proposed)},
        summary([len(history.trace) for history in decode if history.finished is not None]),
    )
