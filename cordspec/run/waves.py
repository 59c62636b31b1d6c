"""One wave of one problem: proposals come in any order, each is scored when it comes, what is sure to follow begins early.

What the wave hands over does not depend on the order of arrival: candidates stand in the order of their expansions, and the
score of a candidate is that of the first expansion of those that it merges, even if a duplicate came before it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass

from cordspec.domain.inference import Call
from cordspec.domain.scoring import Score, ScoredCandidate
from cordspec.domain.search import Expansion
from cordspec.run.ahead import Ahead
from cordspec.run.calls import Calls
from cordspec.run.gather import gather
from cordspec.run.merging import Answered, Identity, Merged, identity, merge


@dataclass(frozen=True, slots=True)
class Judged:
    """A candidate with its score and what scoring it cost."""

    merged: Merged
    scored: ScoredCandidate
    calls: tuple[Call, ...]


class WaveWork:
    """The expansions of one `ask` on their way to scored candidates.

    Args:
        score: gives the score of a candidate, None where there is none, and the calls behind it.
        foresee: what will surely be asked next, by the candidates known so far and the number of those pending; None for
            a driver that waits for the whole wave.
        reads_lengths: whether the scorer's scores depend on whose tokens are counted.
    """

    def __init__(
        self, expansions: Sequence[Expansion], ahead: Ahead,
        score: Callable[[Merged], Awaitable[tuple[Score | None, Calls]]],
        foresee: Callable[[Sequence[ScoredCandidate], int], None] | None, reads_lengths: bool,
    ) -> None:  # fmt: skip
        self._expansions = expansions
        self._ahead = ahead
        self._score = score
        self._foresee = foresee
        self._reads_lengths = reads_lengths
        self._answered: dict[int, Answered] = {}
        self._first: dict[Identity, int] = {}
        """The lowest number that proposed it so far."""
        self._scores: dict[int, tuple[Merged, Score | None, Calls]] = {}

    async def run(self) -> tuple[list[Answered], list[Judged]]:
        """All answers and all candidates, in the order of the expansions."""
        await gather(self._one(expansion) for expansion in self._expansions)
        answered = [self._answered[expansion.number] for expansion in self._expansions]
        judged, used = [], dict[str, Calls]()
        for one in merge(answered):
            _, score, calls = self._scores.pop(one.number)
            judged.append(Judged(one, _scored(one, score), calls.made))
            if one.trajectory.key in used:
                calls.count()
            else:
                used[one.trajectory.key] = calls
        for merged, _, superseded in self._scores.values():
            if merged.trajectory.key not in used:
                superseded.count_as_wasted()
            elif superseded.asked_anew:  # of the same text it was the same request, which is counted once
                used[merged.trajectory.key] = superseded
        for calls in used.values():
            calls.count()
        for asked in answered:
            asked.calls.count()
        return answered, judged

    async def _one(self, expansion: Expansion) -> None:
        answered = self._answered[expansion.number] = await self._ahead.take(expansion)
        for merged in merge([answered]):
            same = identity(answered)
            if self._first.get(same, expansion.number) >= expansion.number:
                self._first[same] = expansion.number
                self._scores[expansion.number] = (merged, *await self._score(merged))
        if self._foresee is not None:
            known = list(self._known())
            self._foresee(
                [one for one, _ in known], len(self._expansions) - sum(count for _, count in known) - self._silent
            )

    @property
    def _silent(self) -> int:
        """Expansions that are answered and became no candidate."""
        return sum(one.proposal is None or not one.proposal.valid for one in self._answered.values())

    def _known(self) -> Iterator[tuple[ScoredCandidate, int]]:
        """The candidates whose text and score cannot change any more, each with how many expansions it stands for.

        A candidate is what the first of its expansions made of it: as long as an earlier one of the same prefix is out, it
        may turn out to be the duplicate of that, and then a scorer that reads lengths may score it otherwise.
        """
        earliest: dict[str, int] = {}
        for expansion in self._expansions if self._reads_lengths else ():
            if expansion.number not in self._answered:
                earliest.setdefault(expansion.prefix.key, expansion.number)
        merged_into: dict[Identity, int] = {}
        for one in self._answered.values():
            if one.proposal is not None and one.proposal.valid:
                merged_into[identity(one)] = merged_into.get(identity(one), 0) + 1
        for same, number in self._first.items():
            scored = self._scores.get(number)
            if scored is not None and number < earliest.get(same.prefix, number + 1):
                yield _scored(scored[0], scored[1]), merged_into[same]


def _scored(merged: Merged, score: Score | None) -> ScoredCandidate:
    numbers = tuple(expansion.number for expansion in merged.expansions)
    return ScoredCandidate(numbers, merged.expansions[0].teacher, merged.trajectory, score)
