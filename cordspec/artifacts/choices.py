"""What a search chose and what it gave up for that: the chosen trace, step by step, beside the siblings of each step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from cordspec.artifacts.records import CandidateRecord, TraceRecord
from cordspec.domain.trajectory import Step, Trajectory


@dataclass(frozen=True, slots=True)
class Choice:
    """A proposal that stands in the chosen trace, and those for the same prefix that scored lower.

    ``depth`` is the number of steps in the prefix, ``steps`` the number of steps that were proposed at once: one in a
    search over steps, the rest of the trace in a search over whole traces.
    """

    prefix: str
    depth: int
    steps: int
    chosen: CandidateRecord
    losers: tuple[CandidateRecord, ...]

    def lower_by(self, margin: float) -> Iterator[tuple[CandidateRecord, float]]:
        """The losers whose score is lower by at least ``margin``, with the difference."""
        for loser in self.losers:
            difference = difference_of(self.chosen, loser)
            if difference >= margin:
                yield loser, difference


def difference_of(one: CandidateRecord, other: CandidateRecord) -> float:
    """The first score minus the second, in the precision in which scores are kept."""
    assert one.score is not None and other.score is not None
    return round(one.score - other.score, 9)


def choices(trace: TraceRecord, candidates: Sequence[CandidateRecord]) -> list[Choice]:
    """The choices of one problem, from the first step on.

    A sibling with the same words is no loser (it differs in white space, or in whether it ends the thinking), nor is one
    that stands in the trace as well. Siblings of any wave count: a prefix may be asked for more than once.
    """
    steps = tuple(Step(step.text, step.authors, step.tokens) for step in trace.steps)
    texts = ["", *accumulate(step.text for step in steps)]
    keys = [Trajectory(steps[:length]).key for length in range(len(steps) + 1)]
    depths = {key: depth for depth, key in enumerate(keys)}
    ends = {key: (depth, False) for depth, key in enumerate(keys)}
    ends[Trajectory(steps, finished=True).key] = (len(steps), True)
    standing: dict[tuple[int, int], CandidateRecord] = {}
    for one in candidates:
        if one.parent in depths and one.candidate in ends:
            depth, (end, closed) = depths[one.parent], ends[one.candidate]
            if end > depth or closed:
                last = standing.setdefault((depth, end), one)
                if one.finished and not last.finished and not trace.forced:
                    standing[depth, end] = one  # both were proposed; a teacher's own end is what the trace has
    found = []
    for (depth, end), chosen in sorted(standing.items()):
        siblings = [one for one in candidates if one.parent == chosen.parent and one.candidate not in ends]
        distinct = {_words(chosen.text): chosen}
        for one in siblings:
            distinct.setdefault(_words(one.text), one)
        losers = tuple(one for one in distinct.values() if difference_of(chosen, one) > 0)
        found.append(Choice(texts[depth], depth, end - depth, chosen, losers))
    return found


def _words(text: str) -> str:
    return " ".join(text.split())
