"""States that an engine holds: a tree of pieces of prompts. What nobody uses is given up, the longest unused first."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count

Piece = tuple[str, int]


@dataclass(eq=False, slots=True)
class Node:
    """The states of one piece after those of its parent. ``users`` are the requests at work that need it."""

    tokens: int
    parent: Node | None = None
    text: str = ""
    children: dict[str, Node] = field(default_factory=dict)
    users: int = 0
    released: float = 0.0


class PrefixStore:
    """The tree of one replica, in tokens. ``gaps`` are the times between two uses: begin, end, tokens."""

    def __init__(self) -> None:
        self._root = Node(0)
        self._unused: list[tuple[float, int, Node]] = []
        self._order = count()
        self.used = 0
        """Tokens of pieces in use."""
        self.unused = 0
        """Tokens of pieces that are held for later."""
        self.gaps: list[tuple[float, float, int]] = []

    def find(self, pieces: Sequence[Piece]) -> list[Node]:
        """The nodes of as many of the first pieces as are held."""
        node, found = self._root, []
        for text, _ in pieces:
            child = node.children.get(text)
            if child is None:
                break
            found.append(child)
            node = child
        return found

    def take(self, nodes: Sequence[Node], now: float) -> None:
        """Use nodes: they stay until they are released."""
        for node in nodes:
            if not node.users:
                self.unused -= node.tokens
                self.used += node.tokens
                self.gaps.append((node.released, now, node.tokens))
            node.users += 1

    def grow(self, path: Sequence[Node], pieces: Sequence[Piece], now: float) -> list[Node]:
        """The path with more pieces at its end, all in use. What others have added meanwhile is shared with them."""
        longer = list(path)
        for text, tokens in pieces:
            parent = longer[-1] if longer else self._root
            node = parent.children.get(text)
            if node is None:
                node = parent.children[text] = Node(tokens, parent, text, users=1)
                self.used += tokens
            else:
                self.take([node], now)
            longer.append(node)
        return longer

    def release(self, path: Sequence[Node], now: float) -> None:
        """Use nodes no longer; they are held until their room is needed."""
        for node in path:
            node.users -= 1
            if not node.users:
                node.released = now
                self.used -= node.tokens
                self.unused += node.tokens
        if path:
            self._offer(path[-1])

    def shrink(self, tokens: int) -> None:
        """Give up so many tokens of unused states, whole pieces from the ends, the longest unused first."""
        while tokens > 0 and self._unused:
            released, _, node = heapq.heappop(self._unused)
            if node.users or node.children or node.parent is None or node.released != released:
                continue  # it is used again, or was noted twice
            del node.parent.children[node.text]
            self.unused -= node.tokens
            tokens -= node.tokens
            self._offer(node.parent)
            node.parent = None

    def _offer(self, node: Node) -> None:
        """Note a node that may be given up."""
        if node is not self._root and not node.users and not node.children:
            heapq.heappush(self._unused, (node.released, next(self._order), node))
