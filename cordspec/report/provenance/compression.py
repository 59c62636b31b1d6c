"""How much shorter a merged trace is than what it was made of."""

from __future__ import annotations

import re
from dataclasses import dataclass
from statistics import fmean

from cordspec.report.provenance.history import Attempt, History, Node

_WORD_OR_SIGN = re.compile(r"\w+|[^\w\s]")


def words_and_signs(text: str) -> int:
    """A length that is nobody's tokens: integrator and teachers count in different ones, or only estimate them."""
    return len(_WORD_OR_SIGN.findall(text))


@dataclass(frozen=True, slots=True)
class Compression:
    """The length of a merged trace and the mean length of its sources, both in words and signs."""

    merged: int
    source: float

    @property
    def ratio(self) -> float:
        return self.merged / self.source


def compression(history: History) -> Compression | None:
    """The lengths of one problem, None where no merge gave a scored trace.

    Sources are the finished candidates with a score that are no merge themselves; one that several expansions wrote counts
    as often, as it was given to the integrator.
    """
    done = [node for node in history.nodes.values() if _is_scored(node) and node.formed.finished]
    merged = [node for node in done if _is_merge(node)]
    sources = [_length(attempt) for node in done if not _is_merge(node) for attempt in node.attempts]
    if not merged or not any(sources):
        return None
    return Compression(_length(merged[-1].attempts[0]), fmean(sources))


def _is_scored(node: Node) -> bool:
    return node.scored is not None and node.scored.value is not None


def _is_merge(node: Node) -> bool:
    return node.attempts[0].expanded.extent == "merge"


def _length(attempt: Attempt) -> int:
    return words_and_signs("".join(attempt.proposed.steps)) if attempt.proposed is not None else 0
