"""Which steps are right: from how rollouts end, never from scores."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cordspec.run.probing.tree import Level, ProbedCandidate, ProblemProbe

HALF = 0.5
"""A candidate counts as right where it ends right at least this often, relative to the best of its depth."""


def follow(level: Level) -> tuple[ProbedCandidate | None, ProbedCandidate | None]:
    """The candidates to go on from: the one whose rollouts end right most often, and the best scored of the wrong ones.

    Where no rollout ends right, the step that most proposals agree on is gone on from. Scores have no part in the first
    choice, or the sharpness would be measured where they are right already.
    """
    still_open = [one for one in level.candidates if not one.trajectory.finished]
    onward = [one for one in still_open if level.right is not None and one in level.right.candidates]
    ahead = max(onward, key=lambda one: (one.label or 0.0, *_agreed(one)), default=None)
    best = max((one.label or 0.0 for one in level.candidates), default=0.0)
    behind = [one for one in still_open if one is not ahead and (one.label or 0.0) < HALF * best]
    if best == 0.0:
        behind = [one for one in still_open if one is not ahead]
    return ahead, max(behind, key=lambda one: (_score(one), *_agreed(one)), default=None)


def right_ones(probe: ProblemProbe) -> frozenset[str]:
    """The candidates that count as right, by the keys of their trajectories.

    A candidate is right where its own rollouts end right at least half as often as those of the best at its depth, or
    where what follows from it ends right: the prefix that was gone on from has more to say for it than its own rollouts.
    """
    found: set[str] = set()
    for at, level in enumerate(probe.levels):
        best = max((one.label or 0.0 for one in level.candidates), default=0.0)
        for one in level.candidates:
            seen = one.label or 0.0
            if (seen > 0.0 and seen >= HALF * best) or _ends_right_below(one, probe.levels[at + 1 :]):
                found.add(one.trajectory.key)
    return frozenset(found)


def pairs(candidates: Sequence[ProbedCandidate], gap: float) -> Iterator[tuple[float, float]]:
    """The scores of a right and a wrong candidate, for all pairs whose labels differ by at least ``gap``.

    What has no score or no label is in no pair.
    """
    known = [(one.label, one.score.value) for one in candidates if one.label is not None and one.score is not None]
    for at, (label, score) in enumerate(known):
        for other_label, other_score in known[at + 1 :]:
            if label - other_label >= gap:
                yield score, other_score
            elif other_label - label >= gap:
                yield other_score, score


def _agreed(one: ProbedCandidate) -> tuple[int, str]:
    return len(one.merged.proposals), one.trajectory.key


def _score(one: ProbedCandidate) -> float:
    return float("-inf") if one.score is None else one.score.value


def _ends_right_below(one: ProbedCandidate, deeper: Sequence[Level]) -> bool:
    steps = one.trajectory.steps
    if one.trajectory.finished or not deeper:
        return False
    return any(
        any(below.endings) and below.trajectory.steps[: len(steps)] == steps and below.trajectory.steps != steps
        for level in deeper
        for below in level.candidates
    )
