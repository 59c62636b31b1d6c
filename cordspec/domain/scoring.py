"""Candidates and their scores."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from cordspec.domain.problem import ProblemView
from cordspec.domain.trajectory import EMPTY, Trajectory

Rank = tuple[float, float, int, int, str]


@dataclass(frozen=True, slots=True)
class Score:
    """A number from a scorer; higher is better.

    ``logprob`` is the summed log-probability behind the value where there is one: it breaks ties. Both are rounded to
    nine decimals before they rank or are stored, so that the last bits of a sum decide nothing.
    """

    value: float
    logprob: float = 0.0
    tokens: tuple[float, ...] = ()
    """The log-probabilities of the answer's tokens in nats, where the score is made of such."""
    reference: float | None = None
    """The same measure under a fixed model beside the guiding one; it is recorded and decides nothing."""

    @staticmethod
    def of(value: float, logprob: float = 0.0, tokens: tuple[float, ...] = (), reference: float | None = None) -> Score:
        rounded = None if reference is None else round(reference, 9)
        return Score(round(value, 9), round(logprob, 9), tokens, rounded)

    @property
    def valid(self) -> bool:
        return math.isfinite(self.value) and math.isfinite(self.logprob)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A prefix with one more proposal, as a scorer sees it.

    ``reference_answer`` is filled in only for scorers that declare ``needs_answer``. ``trajectory`` is ``prefix`` with
    the proposal; ``step_tokens`` is the length of what was proposed.
    """

    problem: ProblemView
    trajectory: Trajectory
    step_tokens: int
    reference_answer: str | None = None
    prefix: Trajectory = EMPTY


@dataclass(frozen=True, slots=True)
class ScoredCandidate:
    """A candidate in the hands of a search: what was asked, what came of it, what it is worth.

    ``expansions`` are the numbers of the expansions whose proposals it merges, ``writer`` is the place in the pool of
    the first of its authors. ``score`` is None when the scorer failed on it; such a candidate is never kept.
    """

    expansions: tuple[int, ...]
    writer: int
    trajectory: Trajectory
    score: Score | None
    rank: Rank = field(init=False, repr=False, compare=False)
    """Sort key, best first: score, summed log-probability, fewer tokens, teacher order, content (paper.md 4)."""

    def __post_init__(self) -> None:
        tail = (self.trajectory.tokens, self.writer, self.trajectory.key)
        score = self.score
        head = (-score.value, -score.logprob) if score is not None and score.valid else (math.inf, math.inf)
        object.__setattr__(self, "rank", (*head, *tail))
