"""The search tree of a problem as it can be drawn: every candidate, and every proposal that made none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from cordspec.report.provenance.history import History

TreeFate = Literal["chosen", "kept", "dropped", "failed", "invalid", "absent"]


@dataclass(frozen=True, slots=True)
class Branch:
    """A node of the tree. ``above`` is its candidate's number, None below the root; ``after`` is given where it goes on from
    the middle of that candidate, after so many of its steps. Invalid proposals and absent teachers are leaves.
    """

    number: int
    above: int | None
    after: int | None
    wave: int
    fate: TreeFate
    authors: tuple[str, ...]
    steps: tuple[str, ...]
    score: float | None
    tokens: int
    closes: bool
    violations: tuple[str, ...]


def branches(history: History) -> list[Branch]:
    """The nodes of one problem, by number."""
    found = [*_candidates(history), *_leaves(history)]
    return sorted(found, key=lambda branch: branch.number)


def below(nodes: Sequence[Branch]) -> dict[int | None, list[Branch]]:
    """The nodes that go on from each node, in order; those of None begin at the root."""
    found: dict[int | None, list[Branch]] = {}
    for node in nodes:
        found.setdefault(node.above, []).append(node)
    return found


def _candidates(history: History) -> Iterator[Branch]:
    for number, node in history.nodes.items():
        formed, (above, steps) = node.formed, node.above
        middle = above is not None and steps < len(history.nodes[above].first.steps)
        yield Branch(
            number, above, steps if middle else None, formed.wave, node.fate, formed.authors, node.first.steps,
            node.scored.value if node.scored else None, formed.tokens, formed.finished, node.first.violations,
        )  # fmt: skip


def _leaves(history: History) -> Iterator[Branch]:
    formed = {attempt.expanded.number for node in history.nodes.values() for attempt in node.attempts}
    for number, attempt in history.attempts.items():
        if number in formed:
            continue
        expanded, proposed = attempt.expanded, attempt.proposed
        above, _ = history.places[expanded.parent]
        said = proposed.violations if proposed else (attempt.absent.reason,) if attempt.absent else ()
        fate: TreeFate = "invalid" if proposed else "absent"
        yield Branch(
            number, above, None, expanded.wave, fate, (expanded.teacher,), (), None,
            proposed.generated if proposed else 0, False, said,
        )  # fmt: skip
