"""How scores decided: by how much, how surely, and with what besides quality in them."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Final

from cordspec.report.provenance.history import History, Node
from cordspec.report.provenance.lengths import Summary, summary

NOISE: Final = 1e-3
"""Nats a token by which log-probabilities differ between engines, batches or precisions."""
HIGH, LOW = 0.99, 0.01


@dataclass(frozen=True, slots=True)
class Share:
    """``count`` of ``n``."""

    count: int
    n: int

    def __str__(self) -> str:
        return f"{self.count / self.n:.1%} of {self.n:,}" if self.n else "–"


@dataclass(frozen=True, slots=True)
class Scoring:
    """The scores of a decode.

    Args:
        values: of all candidates with a score.
        margins: last kept minus first dropped, of each wave that both kept and dropped scored candidates; none in a tree
            search, which decides by visits.
        noise: margins that a change of `NOISE` nats a token could turn, of those between geometric means of token
            probabilities.
        high, low: scores above .99 and below .01.
        answer_in_step: by author, candidates whose new text holds the reference answer; ``chosen`` for those that stand,
            ``early`` for those that end before half of the problem's trace, where nobody should know it yet.
        first_token, last_token: log-probabilities of the answer's first and last token in nats; None without tokens.
        ties: pairs of neighbours in rank with equal scores, by the rule that decided.
        merged: candidates that several proposals made; ``across`` of them by different teachers.
    """

    values: Summary
    margins: Summary
    noise: Share
    high: Share
    low: Share
    answer_in_step: dict[str, Share]
    answer_in_chosen: dict[str, Share]
    answer_early: dict[str, Share]
    first_token: float | None
    last_token: float | None
    ties: dict[str, int]
    merged: Share
    across: Share


def scoring(decode: Sequence[History]) -> Scoring:
    """The diagnostics of a decode's scores."""
    nodes = [node for history in decode for node in history.nodes.values()]
    values = [node.scored.value for node in nodes if node.scored and node.scored.value is not None]
    pairs = [pair for history in decode for pair in _decisions(history)]
    noisy = [_is_noise(*pair) for pair in pairs if all(map(_is_geometric, pair))]
    tokens = [node.scored.tokens for node in nodes if node.scored and node.scored.tokens]
    several = [node for node in nodes if len(node.attempts) > 1]
    return Scoring(
        values=summary(values),
        margins=summary([_value(kept) - _value(dropped) for kept, dropped in pairs]),
        noise=Share(sum(noisy), len(noisy)),
        high=Share(sum(value > HIGH for value in values), len(values)),
        low=Share(sum(value < LOW for value in values), len(values)),
        answer_in_step=_holding(nodes),
        answer_in_chosen=_holding([node for node in nodes if node.fate == "chosen"]),
        answer_early=_holding([node for history in decode for node in _early(history)]),
        first_token=fmean(row[0] for row in tokens) if tokens else None,
        last_token=fmean(row[-1] for row in tokens) if tokens else None,
        ties=dict(sorted(Counter(tie.decided_by for history in decode for tie in history.ties).items())),
        merged=Share(len(several), len(nodes)),
        across=Share(sum(len(node.formed.authors) > 1 for node in several), len(several)),
    )


def _decisions(history: History) -> Iterator[tuple[Node, Node]]:
    """The last candidate that a wave kept and the first that it gave up."""
    for wave in history.waves.values():
        kept = [node for number in wave.kept if _scored(node := history.nodes[number])]
        dropped = [node for number in wave.dropped if _scored(node := history.nodes[number])]
        if kept and dropped and not wave.backups:
            yield kept[-1], dropped[0]


def _scored(node: Node) -> bool:
    return node.scored is not None and node.scored.value is not None


def _value(node: Node) -> float:
    assert node.scored is not None and node.scored.value is not None
    return node.scored.value


def _is_geometric(node: Node) -> bool:
    """Whether a score is the geometric mean of its tokens' probabilities, as the paper's is."""
    assert node.scored is not None
    tokens = node.scored.tokens
    return bool(tokens) and math.isclose(math.exp(fmean(tokens)), _value(node), rel_tol=1e-5, abs_tol=1e-9)


def _is_noise(kept: Node, dropped: Node) -> bool:
    """Both may move, in opposite directions: the mean log-probability of each by the noise."""
    assert kept.scored is not None and dropped.scored is not None
    return abs(fmean(kept.scored.tokens) - fmean(dropped.scored.tokens)) <= 2 * NOISE


def _early(history: History) -> Iterator[Node]:
    return (node for node in history.nodes.values() if 2 * node.formed.depth < len(history.trace))


def _holding(nodes: Sequence[Node]) -> dict[str, Share]:
    holding: defaultdict[str, int] = defaultdict(int)
    made: defaultdict[str, int] = defaultdict(int)
    for node in nodes:
        for author in node.formed.authors:
            made[author] += 1
            holding[author] += node.formed.holds_answer
    return {author: Share(holding[author], made[author]) for author in sorted(made)}
