"""What was seen of one problem: whole traces, and at each depth one right and one wrong prefix with their candidates."""

from __future__ import annotations

from dataclasses import dataclass

from cordspec.domain.problem import Problem
from cordspec.domain.scoring import Score
from cordspec.domain.trajectory import Trajectory
from cordspec.run.merging import Answered, Merged


@dataclass(frozen=True, slots=True)
class WholeTrace:
    """A trace that one teacher (its place in the pool) wrote from the first step to the end, scored and graded."""

    answered: Answered
    trajectory: Trajectory
    score: Score | None
    right: bool

    @property
    def teacher(self) -> int:
        return self.answered.expansion.teacher


@dataclass(frozen=True, slots=True)
class ProbedCandidate:
    """A candidate with its score and how its rollouts ended; a finished one was graded itself, which is one ending."""

    merged: Merged
    score: Score | None
    endings: tuple[bool, ...]

    @property
    def trajectory(self) -> Trajectory:
        return self.merged.trajectory

    @property
    def label(self) -> float | None:
        """The estimated probability of ending right from here; None where nobody could go on."""
        return sum(self.endings) / len(self.endings) if self.endings else None


@dataclass(frozen=True, slots=True)
class ProbedPrefix:
    """A prefix from which every teacher was asked for steps. ``answered`` are all proposals, ``candidates`` the distinct."""

    trajectory: Trajectory
    answered: tuple[Answered, ...]
    candidates: tuple[ProbedCandidate, ...]


@dataclass(frozen=True, slots=True)
class Level:
    """The prefixes of one depth: the likeliest to be right, and the best scored of the wrong ones."""

    depth: int
    right: ProbedPrefix | None
    wrong: ProbedPrefix | None

    @property
    def prefixes(self) -> tuple[ProbedPrefix, ...]:
        return tuple(one for one in (self.right, self.wrong) if one is not None)

    @property
    def candidates(self) -> tuple[ProbedCandidate, ...]:
        return tuple(candidate for one in self.prefixes for candidate in one.candidates)


@dataclass(frozen=True, slots=True)
class ProblemProbe:
    """Everything that was seen of one problem. ``rollouts`` are the continuations that gave the labels."""

    problem: Problem
    traces: tuple[WholeTrace, ...]
    levels: tuple[Level, ...]
    rollouts: tuple[Answered, ...]
