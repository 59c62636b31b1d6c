"""What a probe measures: sharpness by depth, saturation, compliance with the step format, lengths."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from statistics import fmean, pstdev, stdev

from cordspec.artifacts.probes import DepthSharpness, Saturation, TeacherHabits
from cordspec.domain.trajectory import Proposal
from cordspec.run.merging import Answered
from cordspec.run.probing.labels import pairs
from cordspec.run.probing.resampling import Parts, ratio, share
from cordspec.run.probing.settings import ProbeSettings
from cordspec.run.probing.tree import Level, ProbedPrefix, ProblemProbe

HIGH, LOW = 0.99, 0.01


def depths(probes: Sequence[ProblemProbe], settings: ProbeSettings) -> tuple[DepthSharpness, ...]:
    """Sharpness at every depth that some problem reached."""
    deepest = max((len(probe.levels) for probe in probes), default=0)
    return tuple(_depth(probes, at, settings) for at in range(deepest))


def _depth(probes: Sequence[ProblemProbe], at: int, settings: ProbeSettings) -> DepthSharpness:
    levels = [probe.levels[at] for probe in probes if at < len(probe.levels)]
    siblings = [_ranked(p for one in level.prefixes for p in pairs(one.candidates, settings.gap)) for level in levels]
    level_wide = [_ranked(pairs(level.candidates, settings.gap)) for level in levels]
    spreads = [_spread(level) for level in levels]
    return DepthSharpness(at + 1, share(siblings, settings), share(level_wide, settings), ratio(spreads, settings))


def _ranked(found: Iterable[tuple[float, float]]) -> Parts:
    """How many pairs of a right and a wrong score are ranked rightly, ties half, and how many there are."""
    points = [1.0 if right > wrong else 0.5 if right == wrong else 0.0 for right, wrong in found]
    return math.fsum(points), len(points)


def _spread(level: Level) -> Parts:
    found = [pstdev(scores) for one in level.prefixes if len(scores := _scores(one)) > 1]
    return math.fsum(found), len(found)


def _scores(prefix: ProbedPrefix) -> list[float]:
    return [one.score.value for one in prefix.candidates if one.score is not None]


def saturation(probes: Sequence[ProblemProbe], settings: ProbeSettings) -> Saturation:
    """How many scores sit at an end of [0, 1], and how well whole traces are told apart."""
    scores = [[score for level in probe.levels for one in level.prefixes for score in _scores(one)] for probe in probes]
    return Saturation(
        share([_share(score > HIGH for score in each) for each in scores], settings),
        share([_share(score < LOW for score in each) for each in scores], settings),
        share([_ranked(_trace_pairs(probe)) for probe in probes], settings),
    )


def _trace_pairs(probe: ProblemProbe) -> Iterator[tuple[float, float]]:
    scored = [(one.right, one.score.value) for one in probe.traces if one.score is not None]
    for is_right, score in scored:
        if is_right:
            yield from ((score, other) for other_right, other in scored if not other_right)


def _share(verdicts: Iterable[bool]) -> Parts:
    found = list(verdicts)
    return float(sum(found)), len(found)


def habits(
    probes: Sequence[ProblemProbe], teachers: Sequence[str], settings: ProbeSettings
) -> tuple[TeacherHabits, ...]:
    """Format and lengths of every teacher."""
    return tuple(_habits(probes, place, label, settings) for place, label in enumerate(teachers))


def _habits(probes: Sequence[ProblemProbe], place: int, label: str, settings: ProbeSettings) -> TeacherHabits:
    said = [_said(probe, label) for probe in probes]
    kinds = sorted({kind for each in said for one in each for kind in one.violations})
    if any(not one.valid for each in said for one in each):
        kinds.append("empty step")
    lengths = [[length for one in each for length in one.step_tokens] for each in said]
    every = sorted(length for each in lengths for length in each)
    right = [_share(trace.right for trace in probe.traces if trace.teacher == place) for probe in probes]
    return TeacherHabits(
        label,
        share(right, settings),
        {kind: share([_share(_broke(one, kind) for one in each) for each in said], settings) for kind in kinds},
        ratio([(float(sum(each)), len(each)) for each in lengths], settings),
        stdev(every) / fmean(every) if len(every) > 1 else None,
        (_at(every, 0.05), _at(every, 0.5), _at(every, 0.95)) if every else None,
    )


def _broke(proposal: Proposal, kind: str) -> bool:
    return kind in proposal.violations or (kind == "empty step" and not proposal.valid)


def _said(probe: ProblemProbe, teacher: str) -> list[Proposal]:
    """Everything that a teacher wrote, rollouts included."""
    return [one.proposal for one in _answered(probe) if one.proposal is not None and one.proposal.teacher == teacher]


def _answered(probe: ProblemProbe) -> Iterator[Answered]:
    yield from (trace.answered for trace in probe.traces)
    yield from (one for level in probe.levels for prefix in level.prefixes for one in prefix.answered)
    yield from probe.rollouts


def _at(ordered: Sequence[int], share: float) -> float:
    return float(ordered[round(share * (len(ordered) - 1))])
