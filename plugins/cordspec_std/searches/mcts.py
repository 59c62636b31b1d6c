"""`mcts`: Monte Carlo tree search over steps, with complete rollouts (paper, section 4.4)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar, Literal

from pydantic import Field

from cordspec.plugin import (
    Backup,
    Component,
    Decision,
    Expansion,
    Options,
    ScoredCandidate,
    Search,
    SearchMachine,
    SearchSetting,
    Trajectory,
    Wave,
    hookimpl,
)
from cordspec_std.searches.tree import Node, Selection


class MctsOptions(Options):
    """Options of `search NAME : mcts { ... }`."""

    iterations: int = Field(4, ge=1, le=10_000, description="selections, expansions and rollouts for each move")
    exploration: float = Field(2**0.5, ge=0, description="the constant of the upper confidence bound")
    rule: Literal["ucb1", "puct"] = Field("ucb1", description="which child is visited next")
    backup: Literal["mean", "max"] = Field("mean", description="how a rollout's score changes the nodes above it")
    samples: int = Field(1, ge=1, le=64, description="children that each teacher may give a node")


class Mcts(Search[MctsOptions]):
    """Selects by an upper confidence bound (Kocsis and Szepesvari 2006), lets a teacher write from there to the end, and
    carries the score of that rollout up; after so many iterations the most visited child becomes the new root.

    A teacher's rollout makes one new node: its first step. Teachers are tried in the pool's order.
    """

    name: ClassVar[str] = "mcts"
    unit: ClassVar[str] = "step"

    def waves(self, steps: int, teachers: int) -> Sequence[Wave]:
        return [Wave(self.options.iterations, depth, steps - depth, 1) for depth in range(steps)]

    def start(self, setting: SearchSetting) -> MctsMachine:
        return MctsMachine(self.options, setting)


class MctsMachine(SearchMachine):
    """Tree search of one problem, one rollout a wave."""

    def __init__(self, options: MctsOptions, setting: SearchSetting) -> None:
        weights = tuple(setting.weight(teacher) for teacher in range(setting.teachers))
        self._selection = Selection(options.rule, options.backup, options.exploration, weights, options.samples)
        self._iterations = options.iterations
        self._root = Node(Trajectory())
        self._leaf, self._next = self._root, (0, 0)
        self._done = 0  # iterations since the last move
        self._asked = self._wave = 0
        self._over = False

    @property
    def root(self) -> Node:
        """The node from which the next move is made."""
        return self._root

    def ask(self) -> Sequence[Expansion]:
        if self._over:
            return []
        teacher, index = self._next
        self._leaf.tried[teacher] = index + 1
        self._asked += 1
        return [Expansion(self._asked - 1, self._leaf.prefix, teacher, index, "trace")]

    def tell(self, candidates: Sequence[ScoredCandidate], spent_tokens: int) -> Decision:
        self._wave += 1
        self._done += 1
        backups: list[Backup] = []
        failed = []
        for candidate in candidates:
            if candidate.score is not None and candidate.score.valid:
                child = self._leaf.child(candidate, self._next[0])
                backups.append(child.back_up(candidate.score.value))
            else:
                failed.append(candidate)
        kept, dropped = self._advance(backups)
        gone = sorted([*failed, *dropped], key=lambda candidate: candidate.rank)
        root = self._root.prefix if kept else None
        return Decision(self._wave, tuple(kept), tuple(gone), tuple(backups), root)

    def _advance(self, backups: list[Backup]) -> tuple[list[ScoredCandidate], list[ScoredCandidate]]:
        """Go on to where the next rollout is needed; returns what moves on the way keep and give up.

        Visits of nodes below which there is nothing need no rollout: their value is carried up again.
        """
        kept: list[ScoredCandidate] = []
        dropped: list[ScoredCandidate] = []
        while True:
            open_here = self._selection.is_open(self._root)
            self._over = self._root.prefix.finished or not (open_here or self._root.children)
            if self._over:
                return kept, dropped
            if self._done >= self._iterations and self._root.children:
                dropped += self._move()
                kept = [self._root.best_rollout()]
                continue
            leaf = self._selection.descend(self._root)
            if self._selection.is_open(leaf):
                self._leaf, self._next = leaf, self._selection.untried(leaf)
                return kept, dropped
            score = leaf.best_rollout().score
            assert score is not None, "only scored rollouts make nodes"
            backups.append(leaf.back_up(score.value))
            self._done += 1

    def _move(self) -> list[ScoredCandidate]:
        """Make the most visited child the root; the rollouts of the others are given up."""
        chosen = max(self._root.children.values(), key=lambda node: (node.visits, self._selection.value(node)))
        dropped = [
            rollout for node in self._root.children.values() if node is not chosen for rollout in node.all_rollouts()
        ]
        self._root, self._done = chosen, 0
        return dropped

    def result(self) -> ScoredCandidate | None:
        """The rollout that ends at the root, or the best one through it where nobody could finish it otherwise."""
        rollouts = list(self._root.all_rollouts())
        return min(rollouts, key=lambda candidate: candidate.rank, default=None)


@hookimpl
def cordspec_components() -> Iterable[type[Component]]:
    yield Mcts
