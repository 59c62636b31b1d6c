"""The tree of `mcts`: nodes with their statistics, and the bound by which one of them is visited next."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from cordspec.plugin import Backup, ScoredCandidate, Trajectory


@dataclass(eq=False, slots=True)
class Node:
    """A prefix with what rollouts through it were worth.

    ``rollouts`` are those that made this node, which is their first new step; ``tried`` counts proposals asked of each
    teacher from here.
    """

    prefix: Trajectory
    parent: Node | None = None
    teacher: int = 0
    visits: int = 0
    total: float = 0.0
    best: float = -math.inf
    rollouts: list[ScoredCandidate] = field(default_factory=list)
    children: dict[str, Node] = field(default_factory=dict)
    tried: defaultdict[int, int] = field(default_factory=lambda: defaultdict(int))

    def child(self, rollout: ScoredCandidate, teacher: int) -> Node:
        """The child that a rollout from here begins with, made if it is new; equal texts are one child."""
        length = len(self.prefix.steps) + 1
        whole = rollout.trajectory
        prefix = whole if len(whole.steps) <= length else Trajectory(whole.steps[:length])
        node = self.children.setdefault(prefix.key, Node(prefix, self, teacher))
        node.rollouts.append(rollout)
        return node

    def back_up(self, value: float) -> Backup:
        """Carry a value up to the top of the tree."""
        path: list[Trajectory] = []
        node: Node | None = self
        while node is not None:
            node.visits += 1
            node.total += value
            node.best = max(node.best, value)
            path.append(node.prefix)
            node = node.parent
        return Backup(tuple(reversed(path)), value)

    def all_rollouts(self) -> Iterator[ScoredCandidate]:
        """The rollouts that made this node and those below it."""
        pending = [self]
        while pending:
            node = pending.pop()
            yield from node.rollouts
            pending += node.children.values()

    def best_rollout(self) -> ScoredCandidate:
        """The best of them."""
        return min(self.all_rollouts(), key=lambda candidate: candidate.rank)


@dataclass(frozen=True, slots=True)
class Selection:
    """How the next node is chosen. ``weights`` are the teachers' weights in the pool."""

    rule: Literal["ucb1", "puct"]
    backup: Literal["mean", "max"]
    exploration: float
    weights: tuple[int, ...]
    samples: int

    def value(self, node: Node) -> float:
        """What a node is worth: the mean of its rollouts' scores, or the best of them."""
        return node.best if self.backup == "max" else node.total / node.visits

    def is_open(self, node: Node) -> bool:
        """Whether some teacher has proposals left to make from here."""
        return not node.prefix.finished and any(
            node.tried[teacher] < self.samples * weight for teacher, weight in enumerate(self.weights)
        )

    def untried(self, node: Node) -> tuple[int, int]:
        """The teacher whose turn it is, and the index of its proposal: in turns over the teachers."""
        _, teacher = min(
            (node.tried[teacher] // weight, teacher)
            for teacher, weight in enumerate(self.weights)
            if node.tried[teacher] < self.samples * weight
        )
        return teacher, node.tried[teacher]

    def bound(self, node: Node) -> float:
        """Value and upper confidence of a child: UCB1, or PUCT with the pool's weights as prior."""
        assert node.parent is not None
        above = node.parent.visits
        if self.rule == "ucb1":
            return self.value(node) + self.exploration * math.sqrt(math.log(above) / node.visits)
        prior = self.weights[node.teacher] / sum(self.weights)
        return self.value(node) + self.exploration * prior * math.sqrt(above) / (1 + node.visits)

    def descend(self, root: Node) -> Node:
        """From the root down to a node where somebody has a proposal left, or below which there is nothing."""
        node = root
        while not self.is_open(node) and node.children:
            node = max(node.children.values(), key=self.bound)
        return node
