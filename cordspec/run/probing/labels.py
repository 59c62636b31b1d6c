"""Which steps are right: from how rollouts end, never from scores."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cordspec.run.probing.tree import Level, ProbedCandidate

HALF = 0.5
"""What ends right less often than this, relative to the best of its depth, is taken for wrong when a wrong path is chosen."""


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
