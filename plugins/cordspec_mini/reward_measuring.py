"""What a process reward model tells apart, by depth: siblings after a right prefix, and the steps of faulty traces."""

from __future__ import annotations

import asyncio
import sys
from collections import defaultdict
from collections.abc import Iterable
from itertools import islice

from cordspec.plugin import Engine, RewardRequest
from cordspec_mini.families.drawing import HEADER, Family, solved, stream
from cordspec_mini.families.operations import SKILLS
from cordspec_mini.measuring import LENGTHS, Rate, siblings

SLIPS = 0.2
"""The share of steps with a slip in the faulty traces."""


def ranking(engine: Engine, family: Family, problems: int, seed: int) -> list[Rate]:
    """By depth, the share of right steps with a higher reward than a wrong sibling, after a right prefix.

    The sibling has a slip in its result; a tie counts half.
    """
    depths: list[int] = []
    requests: list[RewardRequest] = []
    for drawn, _ in islice(stream(family, seed, LENGTHS, "unseen"), problems):
        before: tuple[str, ...] = ()
        for depth, pair in enumerate(siblings(drawn, seed), 1):
            steps = [HEADER.format(n=depth, body=body) for body in pair]
            requests += [RewardRequest(drawn.question, (*before, step), sys.maxsize) for step in steps]
            depths.append(depth)
            before = (*before, steps[0])
    rewards = [answer.values[-1] for answer in asyncio.run(engine.reward(requests))]
    pairs = zip(depths, rewards[::2], rewards[1::2], strict=True)
    return _rates((depth, 1.0 if right > wrong else 0.5 if right == wrong else 0.0) for depth, right, wrong in pairs)


def label_accuracy(engine: Engine, family: Family, problems: int, seed: int) -> list[Rate]:
    """By depth, the share of steps in faulty traces that are on their side of 1/2.

    A step is right when its text is that of the worked solution, so one that carries an error on is wrong.
    """
    requests: list[RewardRequest] = []
    labels: list[tuple[float, ...]] = []
    for drawn, rng in islice(stream(family, seed, LENGTHS, "unseen"), problems):
        solution = solved(drawn, rng, dict.fromkeys(SKILLS, SLIPS)).solution
        assert solution is not None
        requests.append(RewardRequest(drawn.question, solution.steps, sys.maxsize))
        labels.append(solution.labels)
    answers = asyncio.run(engine.reward(requests))
    return _rates(
        (depth, float((reward > 0.5) == (label > 0.5)))
        for answer, of_trace in zip(answers, labels, strict=True)
        for depth, (reward, label) in enumerate(zip(answer.values, of_trace, strict=True), 1)
    )


def _rates(trials: Iterable[tuple[int, float]]) -> list[Rate]:
    by_depth: defaultdict[int, list[float]] = defaultdict(list)
    for depth, value in trials:
        by_depth[depth].append(value)
    return [Rate(sum(by_depth[depth]) / len(by_depth[depth]), len(by_depth[depth])) for depth in sorted(by_depth)]
