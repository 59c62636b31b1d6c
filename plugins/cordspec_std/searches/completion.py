"""What happens to finished beams: four rules, each a pure function of one wave (paper.md section 4).

Each takes the finished candidates kept so far and the wave's valid candidates, both without repeats and best first, and
gives the finished ones to keep, the open ones to extend, and whether the search is over.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Literal

from cordspec.plugin import ScoredCandidate

Rule = Literal["compete", "reserve", "shelve", "first"]
Kept = tuple[list[ScoredCandidate], list[ScoredCandidate], bool]


def compete(finished: Sequence[ScoredCandidate], valid: Sequence[ScoredCandidate], size: int) -> Kept:
    """A finished beam keeps its place while its score is among the best; over when all kept ones are finished."""
    best = distinct([*finished, *valid])[:size]
    done, still_open = _parted(best)
    return done, still_open, not still_open


def reserve(finished: Sequence[ScoredCandidate], valid: Sequence[ScoredCandidate], size: int) -> Kept:
    """Up to ``size`` finished beams are set aside and take no place; over when so many are, or nothing is open."""
    done, still_open = _parted(distinct([*finished, *valid]))
    return done[:size], still_open[:size], len(done) >= size or not still_open


def shelve(finished: Sequence[ScoredCandidate], valid: Sequence[ScoredCandidate], size: int) -> Kept:
    """A finished beam keeps its place for good, whatever comes later: the beam narrows by it."""
    shelved = list(finished)
    known = {one.trajectory.key for one in shelved}
    new = [one for one in distinct(valid) if one.trajectory.key not in known][: size - len(shelved)]
    done, still_open = _parted(new)
    return [*shelved, *done], still_open, not still_open


def first(finished: Sequence[ScoredCandidate], valid: Sequence[ScoredCandidate], size: int) -> Kept:
    """Over in the first wave that keeps a finished beam."""
    done, still_open, _ = compete(finished, valid, size)
    return done, still_open, bool(done) or not still_open


RULES: Final[dict[Rule, Callable[[Sequence[ScoredCandidate], Sequence[ScoredCandidate], int], Kept]]] = {
    "compete": compete, "reserve": reserve, "shelve": shelve, "first": first,
}  # fmt: skip


def surely_open(
    rule: Rule, finished: Sequence[ScoredCandidate], known: Sequence[ScoredCandidate], pending: int, size: int
) -> list[ScoredCandidate]:
    """The candidates that the rule will keep open whatever ``pending`` further candidates are; best first.

    A candidate is sure of its place when even with all the pending ones before it there is room. One of equal score counts
    as before it: what decides between the two may change when a duplicate comes.
    """
    places, rivals = size, distinct([*finished, *known])
    if rule == "first" and (pending or any(one.trajectory.finished for one in rivals[:size])):
        return []  # one that finishes ends the search, and any of the pending ones may
    if rule == "reserve":
        rivals = [one for one in rivals if not one.trajectory.finished]
        if len(distinct([*finished, *known])) - len(rivals) + pending >= size:
            return []
    elif rule == "shelve":
        held = {one.trajectory.key for one in finished}
        places -= len(finished)
        rivals = [one for one in rivals if one.trajectory.key not in held]
    sure = []
    for one in rivals:
        before = sum(other is not one and other.rank[:2] <= one.rank[:2] for other in rivals)
        if not one.trajectory.finished and before + pending < places:
            sure.append(one)
    return sure


def distinct(candidates: Sequence[ScoredCandidate]) -> list[ScoredCandidate]:
    """Best first, without repeated trajectories: a prefix that is closed at once may equal one that finished before."""
    ranked = sorted(candidates, key=lambda candidate: candidate.rank)
    return list({candidate.trajectory.key: candidate for candidate in reversed(ranked)}.values())[::-1]


def _parted(candidates: Sequence[ScoredCandidate]) -> tuple[list[ScoredCandidate], list[ScoredCandidate]]:
    done = [one for one in candidates if one.trajectory.finished]
    return done, [one for one in candidates if not one.trajectory.finished]
