"""Teachers and scorer as a probe saw them on one problem, for searches that are played without models.

A prefix that was probed answers with the steps that were drawn from it. Any other prefix answers like the probed one of its
depth that is right or wrong as it is: the same steps, scores and endings. Deeper than the probe looked, the deepest probed
prefixes answer again, until the trace is as long as whole traces of the problem are.
"""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import dataclass, replace
from statistics import fmean

from cordspec.domain.scoring import Score
from cordspec.domain.search import Expansion
from cordspec.domain.trajectory import Proposal
from cordspec.run.merging import Answered
from cordspec.run.probing.beliefs import Beliefs
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
    """What was seen of one problem, looked up by depth and by being right or wrong; which of both it is, is drawn."""

    def __init__(self, probe: ProblemProbe, teachers: tuple[str, ...], beliefs: Beliefs) -> None:
        self._teachers = teachers
        self._beliefs = beliefs
        self._prefixes = [prefix for level in probe.levels for prefix in level.prefixes]
        self._by_key = {prefix.trajectory.key: prefix for prefix in self._prefixes}
        self._right: frozenset[str] = frozenset()
        self._by_standing: dict[tuple[int, bool], ProbedPrefix] = {}
        self._traces: defaultdict[int, list[WholeTrace]] = defaultdict(list)
        for trace in probe.traces:
            self._traces[trace.teacher].append(trace)
        self._deepest = max((len(prefix.trajectory.steps) for prefix in self._prefixes), default=0)
        steps = [len(trace.trajectory.steps) for trace in probe.traces]
        self._length = fmean(steps) if steps else 0.0

    def settle(self, rng: random.Random) -> None:
        """Draw which candidates are right, for one played search."""
        self._right = frozenset(key for key, belief in self._beliefs.items() if rng.random() < belief)
        self._by_standing = {}
        for prefix in self._prefixes:
            is_right = not prefix.trajectory.steps or prefix.trajectory.key in self._right
            self._by_standing.setdefault((len(prefix.trajectory.steps), is_right), prefix)

    def step(self, expansion: Expansion, standing: Standing, rng: random.Random) -> Reply | None:
        """One teacher's step after a prefix; None where it said nothing in the probe either."""
        depth = len(expansion.prefix.steps)
        at = min(depth, self._deepest)
        alike = self._by_key.get(expansion.prefix.key) or self._by_standing.get((at, standing.right))
        seen = alike or self._by_standing.get((at, not standing.right))
        proposal = self._drawn(seen, expansion, rng) if seen is not None else None
        if seen is None or proposal is None:
            return None
        after = self._standing(self._candidate(seen, proposal)) if alike is not None else standing
        if depth > self._deepest and not proposal.closes and depth + 1 >= self._length:
            proposal, after = replace(proposal, closes=True), self._ended(after, rng)
        return Reply(Answered(expansion, proposal), after)

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

    def _ended(self, standing: Standing, rng: random.Random) -> Standing:
        """The end of a trace that is longer than what was probed; it is scored like a whole trace that ended as it does."""
        alike = [one for traces in self._traces.values() for one in traces if one.right == standing.right]
        return Standing(standing.right, float(standing.right), rng.choice(alike).score if alike else standing.score)
