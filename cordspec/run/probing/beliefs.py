"""How probably each probed step is right, from how rollouts end.

A few rollouts do not tell a right step, after which weak teachers mostly fail, from a wrong one, after which they succeed by
luck. So both kinds are fitted: from a wrong step rollouts end right at one rate for all problems; from a right one at a rate
of its problem and depth, which is seen best below the step that was gone on from.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from cordspec.run.probing.tree import Level, ProbedCandidate, ProbedPrefix, ProblemProbe

ROUNDS = 30
SHARE, LUCK = 0.5, 0.05
"""Where the fit begins: the share of right steps, and how often a rollout from a wrong one ends right."""
LUCK_SEEN = 10.0
"""Rollouts that ``LUCK`` weighs as much as: with few real ones it stays near."""
LEAST, MOST = 1e-3, 0.4

Kind = Literal["followed", "left", "astray"]
"""Gone on from as probably right, a sibling of such a step, or after a wrong one; each has its own share of right ones."""

Beliefs = Mapping[str, float]
"""The probability of being right of each candidate of a problem, by the key of its trajectory."""


@dataclass(frozen=True, slots=True)
class _Evidence:
    """Endings of rollouts from one candidate, ``ended_right`` of ``rolled``; ``rate`` is what right siblings reach, if known.

    ``below`` is the key of the step that was gone on to from here: where that is right, this one is.
    """

    key: str
    depth: int
    kind: Kind
    ended_right: float
    rolled: float
    rate: float | None = None
    below: str = ""
    rolls_on: bool = False
    """Whether it was gone on from, rightly or wrongly, so that endings from below are among its own."""

    def is_pooled(self, depth: int) -> bool:
        """Whether the rate of its depth is seen in it: its problem's is not known."""
        return self.depth == depth and self.rate is None and not self.rolls_on


@dataclass(frozen=True, slots=True)
class _Fit:
    """What all problems share: the share of right steps of each kind, how often a rollout from a wrong step ends right, and
    how often one from a right step does at each depth, for steps whose problem does not tell.
    """

    shares: Mapping[Kind, float]
    luck: float
    reached: Mapping[int, float]


def beliefs(probes: Sequence[ProblemProbe]) -> list[Beliefs]:
    """The beliefs of each problem, fitted over all of them together (expectation maximisation)."""
    evidence = [_evidence(probe) for probe in probes]
    every = [one for each in evidence for one in each]
    fit = _Fit(dict.fromkeys(get_args(Kind), SHARE), LUCK, dict.fromkeys((one.depth for one in every), SHARE))
    for _ in range(ROUNDS):
        fit = _fitted([(_posterior(one, fit), one) for one in every], fit)
    return [_settled(probe, each, fit) for probe, each in zip(probes, evidence, strict=True)]


def _fitted(weighed: Sequence[tuple[float, _Evidence]], before: _Fit) -> _Fit:
    shares = {
        kind: _mean([(right, 1.0) for right, one in weighed if one.kind == kind], SHARE, 1.0) for kind in before.shares
    }
    luck = _mean([((1 - right) * one.ended_right, (1 - right) * one.rolled) for right, one in weighed], LUCK, LUCK_SEEN)
    reached = {
        depth: _mean([(right * one.ended_right, right * one.rolled) for right, one in weighed if one.is_pooled(depth)])
        for depth in before.reached
    }
    return _Fit(shares, min(max(luck, LEAST), MOST), reached)


def _mean(parts: Sequence[tuple[float, float]], expected: float = SHARE, seen: float = 1.0) -> float:
    """Sum over count, with what is expected before as ``seen`` more observations."""
    return (math.fsum(part for part, _ in parts) + expected * seen) / (math.fsum(count for _, count in parts) + seen)


def _settled(probe: ProblemProbe, evidence: Sequence[_Evidence], fit: _Fit) -> Beliefs:
    found = {one.trajectory.key: float(one.endings == (True,)) for one in _finished(probe)}
    for one in reversed(evidence):  # the deepest first: what leads to a right step is right
        found[one.key] = max(_posterior(one, fit), found.get(one.below, 0.0))
    return found


def _finished(probe: ProblemProbe) -> list[ProbedCandidate]:
    return [one for level in probe.levels for one in level.candidates if one.trajectory.finished]


def _posterior(one: _Evidence, fit: _Fit) -> float:
    """The probability of a right step; what was gone on from has a rate of its own, all alike before it is seen."""
    if one.rolls_on:
        right = math.lgamma(one.ended_right + 1) + math.lgamma(one.rolled - one.ended_right + 1)
        right -= math.lgamma(one.rolled + 2)
    else:
        rate = fit.reached[one.depth] if one.rate is None else one.rate
        right = _loglikelihood(one, min(max(rate, fit.luck), 1 - LEAST))
    share = min(max(fit.shares[one.kind], LEAST), 1 - LEAST)
    odds = math.log(share) - math.log1p(-share) + right - _loglikelihood(one, fit.luck)
    return 1 / (1 + math.exp(-max(-700.0, min(700.0, odds))))


def _loglikelihood(one: _Evidence, rate: float) -> float:
    return one.ended_right * math.log(rate) + (one.rolled - one.ended_right) * math.log1p(-rate)


def _evidence(probe: ProblemProbe) -> list[_Evidence]:
    """Of all unfinished candidates, level by level."""
    found = []
    for at, level in enumerate(probe.levels):
        after = probe.levels[at + 1] if at + 1 < len(probe.levels) else None
        followed = {one.trajectory.key: one for one in after.prefixes} if after is not None else {}
        rate = _rate(after.right) if after is not None and after.right is not None else None
        onward = after.right.trajectory.key if after is not None and after.right is not None else ""
        for one in level.candidates:
            if not one.trajectory.finished and one.endings:
                after_right = level.right is not None and one in level.right.candidates
                kind: Kind = "followed" if one.trajectory.key == onward else "left" if after_right else "astray"
                found.append(_of(one, kind, followed.get(one.trajectory.key), rate, probe.levels[at + 2 : at + 3]))
    return found


def _of(
    one: ProbedCandidate, kind: Kind, followed: ProbedPrefix | None, rate: float | None, beyond: Sequence[Level]
) -> _Evidence:
    depth = len(one.trajectory.steps)
    ended, rolled = float(sum(one.endings)), float(len(one.endings))
    if followed is None:
        return _Evidence(one.trajectory.key, depth, kind, ended, rolled, rate)
    more = float(sum(len(child.endings) for child in followed.candidates))
    keys = {child.trajectory.key for child in followed.candidates}
    on = [prefix.trajectory.key for level in beyond for prefix in level.prefixes if prefix.trajectory.key in keys]
    below = on[0] if on else ""
    return _Evidence(
        one.trajectory.key, depth, kind, ended + (_rate(followed) or 0.0) * more, rolled + more, None, below, True
    )


def _rate(prefix: ProbedPrefix) -> float | None:
    """How often a prefix is brought to a right end: the mean of its proposals' labels."""
    known = [(one.label, len(one.merged.proposals)) for one in prefix.candidates if one.label is not None]
    total = sum(count for _, count in known)
    return math.fsum(label * count for label, count in known) / total if total else None
