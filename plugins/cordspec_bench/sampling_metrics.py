"""Metrics of several draws a problem: pass@1 with its two errors, pass@k, majority, and the graders' scores."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from statistics import fmean

from cordspec.plugin import Draw, Metric

NAMES = ("pass_at_1", "pass_at_k", "majority", "score")


def sampling_metrics(draws: Sequence[Sequence[Draw]], k: int) -> Mapping[str, Metric]:
    """All of them, from each problem's draws; ``k`` is at most the number of draws."""
    right = [[draw.correct for draw in each] for each in draws]
    samples = max(len(each) for each in right)
    return {
        "pass_at_1": pass_at_1(right),
        "pass_at_k": Metric.of_shares([_pass_at_k(len(each), sum(each), k) for each in right], samples, k=k),
        "majority": Metric.of_shares([_majority(each) for each in draws], samples),
        "score": Metric.of_shares([fmean(draw.verdict.score for draw in each) for each in draws], samples),
    }


def pass_at_1(right: Sequence[Sequence[bool]]) -> Metric:
    """The mean over problems of each problem's share of right draws.

    Its error over draws is that of the same problems drawn anew: each contributes share (1 - share) / (draws - 1), the
    unbiased variance of its share.
    """
    shares = [fmean(each) for each in right]
    samples = max(len(each) for each in right)
    error = None
    if min(len(each) for each in right) > 1:
        variances = (share * (1 - share) / (len(each) - 1) for share, each in zip(shares, right, strict=True))
        error = math.sqrt(math.fsum(variances)) / len(shares)
    return Metric.of_shares(shares, samples, draw_error=error)


def _pass_at_k(n: int, correct: int, k: int) -> float:
    """How often at least one of ``k`` of the ``n`` draws is right: unbiased (Chen et al. 2021, equation 1)."""
    return 1 - math.comb(n - correct, k) / math.comb(n, k)


def _majority(draws: Sequence[Draw]) -> float:
    """Whether the answer that most draws give is right; where several are, the share of them that are right.

    Right answers are one answer, whatever they look like: each equals the reference. Draws without an answer do not vote.
    """
    votes = Counter("" if draw.correct else f"={draw.verdict.answer}" for draw in draws if _votes(draw))
    if not votes:
        return 0.0
    most = max(votes.values())
    first = [answer for answer, count in votes.items() if count == most]
    return ("" in first) / len(first)


def _votes(draw: Draw) -> bool:
    return draw.correct or (draw.verdict.outcome in ("wrong", "failed") and bool(draw.verdict.answer))
