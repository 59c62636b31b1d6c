"""A radix tree of key and value states by token ids: what a model has computed once is found again by its tokens."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

Ids = tuple[int, ...]


@dataclass(slots=True, eq=False)
class Node:
    """A run of tokens and their states, of shape (layers, 2, heads, tokens, head size)."""

    ids: Ids
    states: torch.Tensor | None
    parent: Node | None
    children: dict[int, Node] = field(default_factory=dict)
    used: int = 0


class PrefixTree:
    """States of token sequences that share their prefixes; forgets what was used longest ago.

    Args:
        max_tokens: how many tokens' states may be held. The limit is applied by `evict`, at the end of a turn.
    """

    def __init__(self, max_tokens: int) -> None:
        self._root = Node((), None, None)
        self.limit = max_tokens
        self._clock = count(1)
        self.tokens = 0

    def match(self, ids: Ids) -> int:
        """How many leading tokens of ``ids`` are held."""
        return sum(taken for _, taken in self._path(ids))

    def states(self, ids: Ids) -> list[torch.Tensor]:
        """The states of the leading tokens that are held, as consecutive pieces along the token axis (dimension 3)."""
        now = next(self._clock)
        pieces = []
        for node, taken in self._path(ids):
            node.used = now
            assert node.states is not None
            pieces.append(node.states if taken == len(node.ids) else node.states[:, :, :, :taken])
        return pieces

    def insert(self, ids: Ids, first: int, states: torch.Tensor) -> None:
        """Hold the states of ``ids[first:]``; all tokens before ``first`` must be held already.

        What is held already is kept, so the states of a token never change while they are in the tree.
        """
        path = self._path(ids)
        held = sum(taken for _, taken in path)
        if held >= len(ids):
            return
        if held < first:
            raise ValueError(f"tokens {held}..{first} of a sequence are missing in the prefix tree")
        parent = self._root
        if path:
            last, taken = path[-1]
            parent = last if taken == len(last.ids) else self._split(last, taken)
        node = Node(ids[held:], states[:, :, :, held - first :].clone(), parent, used=next(self._clock))
        parent.children[node.ids[0]] = node
        self.tokens += len(node.ids)

    def evict(self) -> None:
        """Forget leaves, least recently used first, until the limit holds."""
        if self.tokens <= self.limit:
            return
        leaves = sorted(self._leaves(), key=lambda node: node.used)
        while self.tokens > self.limit and leaves:
            leaf = leaves.pop(0)
            assert leaf.parent is not None
            del leaf.parent.children[leaf.ids[0]]
            self.tokens -= len(leaf.ids)
            if not leaf.parent.children and leaf.parent.parent is not None:
                leaves.append(leaf.parent)

    def _path(self, ids: Ids) -> list[tuple[Node, int]]:
        path: list[tuple[Node, int]] = []
        node, at = self._root, 0
        while at < len(ids) and (child := node.children.get(ids[at])) is not None:
            taken = _common(child.ids, ids, at)
            path.append((child, taken))
            at += taken
            if taken < len(child.ids):
                break
            node = child
        return path

    def _split(self, node: Node, at: int) -> Node:
        """Cut a node in two, and return the upper half, which takes the node's place in the tree."""
        assert node.parent is not None and node.states is not None
        upper = Node(node.ids[:at], node.states[:, :, :, :at].clone(), node.parent, used=node.used)
        node.parent.children[upper.ids[0]] = upper
        node.ids, node.states, node.parent = node.ids[at:], node.states[:, :, :, at:].clone(), upper
        upper.children[node.ids[0]] = node
        return upper

    def _leaves(self) -> list[Node]:
        leaves, stack = [], list(self._root.children.values())
        while stack:
            node = stack.pop()
            if node.children:
                stack.extend(node.children.values())
            else:
                leaves.append(node)
        return leaves


def _common(run: Ids, ids: Ids, at: int) -> int:
    """The number of leading tokens of ``run`` that stand in ``ids`` from position ``at``."""
    if ids[at : at + len(run)] == run:
        return len(run)
    taken = 0
    while taken < len(run) and at + taken < len(ids) and run[taken] == ids[at + taken]:
        taken += 1
    return taken
