"""Teachers and scorer as a probe saw them on one problem, for searches that are played without models.

A prefix that was probed answers with the steps that were drawn from it. Any other prefix answers like the probed one of its
depth that is right or wrong as it is: the same steps, scores and endings. What lies deeper than the probe looked is
carried to its end in one go, and ends right as often as its last probed candidate's rollouts did.
"""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import dataclass
from statistics import fmean

from cordspec.domain.scoring import Score
from cordspec.domain.search import Expansion
from cordspec.domain.trajectory import Proposal
from cordspec.run.merging import Answered
from cordspec.run.probing.labels import right_ones
from cordspec.run.probing.tree import ProbedCandidate, ProbedPrefix, ProblemProbe, WholeTrace


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of a trajectory in a played search: whether it is right so far, how likely it ends right, its score."""

    right: bool
    label: float
    score: Score | None


ROOT = Standing(True, 1.0, None)


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer of a played teacher: a real proposal, and the standing of what it leads to."""

    answered: Answered
    standing: Standing


class Bank:
    """What was seen of one problem, looked up by depth and by being right or wrong."""

    def __init__(self, probe: ProblemProbe, teachers: tuple[str, ...]) -> None:
        self._teachers = teachers
        self._right = right_ones(probe)
        self._by_key: dict[str, ProbedPrefix] = {}
        self._by_standing: dict[tuple[int, bool], ProbedPrefix] = {}
        self._traces: defaultdict[int, list[WholeTrace]] = defaultdict(list)
        for level in probe.levels:
            for prefix in level.prefixes:
                self._by_key[prefix.trajectory.key] = prefix
                is_right = not prefix.trajectory.steps or prefix.trajectory.key in self._right
                self._by_standing.setdefault((len(prefix.trajectory.steps), is_right), prefix)
        for trace in probe.traces:
            self._traces[trace.teacher].append(trace)
        self._remaining = self._lengths(probe)

    def step(self, expansion: Expansion, standing: Standing, rng: random.Random) -> Reply | None:
        """One teacher's step after a prefix; None where it said nothing in the probe either."""
        prefix = expansion.prefix
        seen = self._by_key.get(prefix.key) or self._by_standing.get((len(prefix.steps), standing.right))
        if seen is None:
            seen_other = self._by_standing.get((len(prefix.steps), not standing.right))
            return self._to_end(expansion, standing, rng) if seen_other is None else self._stray(
                seen_other, expansion, standing, rng
            )  # fmt: skip
        proposal = self._drawn(seen, expansion, rng)
        if proposal is None:
            return None
        return Reply(Answered(expansion, proposal), self._standing(self._candidate(seen, proposal)))

    def trace(self, expansion: Expansion, order: dict[int, list[int]], rng: random.Random) -> Reply | None:
        """A whole trace of a teacher: each of those that it wrote once, in a drawn order, then any of them again."""
        mine = self._traces[expansion.teacher]
        if not mine:
            return None
        turn = order.setdefault(expansion.teacher, rng.sample(range(len(mine)), len(mine)))
        one = mine[turn[expansion.index] if expansion.index < len(mine) else rng.randrange(len(mine))]
        assert one.answered.proposal is not None
        return Reply(Answered(expansion, one.answered.proposal), Standing(one.right, float(one.right), one.score))

    def _drawn(self, seen: ProbedPrefix, expansion: Expansion, rng: random.Random) -> Proposal | None:
        label = self._teachers[expansion.teacher]
        mine = [one.proposal for one in seen.answered if one.proposal is not None and one.proposal.teacher == label]
        chosen = rng.choice(mine) if mine else None
        return chosen if chosen is not None and chosen.valid else None

    def _candidate(self, seen: ProbedPrefix, proposal: Proposal) -> ProbedCandidate:
        return next(one for one in seen.candidates if any(proposal is other for other in one.merged.proposals))

    def _standing(self, one: ProbedCandidate) -> Standing:
        return Standing(one.trajectory.key in self._right, one.label or 0.0, one.score)

    def _stray(self, seen: ProbedPrefix, expansion: Expansion, standing: Standing, rng: random.Random) -> Reply | None:
        """A step after a prefix whose like was not probed: it keeps its standing, and only its length is borrowed."""
        proposal = self._drawn(seen, expansion, rng)
        return None if proposal is None else Reply(Answered(expansion, proposal), standing)

    def _to_end(self, expansion: Expansion, standing: Standing, rng: random.Random) -> Reply:
        """All the rest of a trace that is longer than what was probed."""
        is_right = rng.random() < standing.label
        alike = [one for traces in self._traces.values() for one in traces if one.right == is_right]
        score = rng.choice(alike).score if alike else standing.score
        length = round(self._remaining)
        text = f"\n(the rest, {is_right}, {expansion.teacher}, {expansion.index})"
        proposal = Proposal(self._teachers[expansion.teacher], (text,), (length,), True, False, length)
        return Reply(Answered(expansion, proposal), Standing(is_right, float(is_right), score))

    @staticmethod
    def _lengths(probe: ProblemProbe) -> float:
        """Tokens from the deepest probed candidates to the end, on average."""
        deepest = max((len(one.expansion.prefix.steps) for one in probe.rollouts), default=0)
        rest = [
            one.proposal.generated
            for one in probe.rollouts
            if one.proposal is not None and len(one.expansion.prefix.steps) == deepest
        ]
        return fmean(rest) if rest else 1.0
