"""A problem set beside what an earlier run had of it. A problem is its question: a changed question is a new problem."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cordspec.domain.problem import Problem
from cordspec.run.stages.problems import PROBLEMS


@dataclass(frozen=True, slots=True)
class ProblemChanges:
    """How many problems are new, gone, or asked with another answer, and whether one list begins with the other."""

    new: int
    gone: int
    answered_otherwise: int
    continued: bool

    def __str__(self) -> str:
        told = [f"{self.new} new", f"{self.gone} gone", f"{self.answered_otherwise} with another answer"]
        said = [one for one, count in zip(told, (self.new, self.gone, self.answered_otherwise), strict=True) if count]
        return f"problems: {', '.join(said)}" if said else "the same problems in another order, or with other tags"


def problem_changes(before: Mapping[str, str], now: Sequence[Problem]) -> ProblemChanges:
    """Compare problems with those of a finished stage, answers by id in their order (`answers_of`)."""
    after = {problem.id: problem.answer for problem in now}
    common = min(len(before), len(after))
    return ProblemChanges(
        new=sum(one not in before for one in after),
        gone=sum(one not in after for one in before),
        answered_otherwise=sum(before.get(one, answer) != answer for one, answer in after.items()),
        continued=list(before.items())[:common] == list(after.items())[:common],
    )


def answers_of(stage: Path) -> dict[str, str] | None:
    """The answers of a finished problems stage, by id; None where it cannot be read."""
    try:
        with (stage / PROBLEMS).open(encoding="utf-8") as lines:
            return {row["id"]: row["answer"] for row in map(json.loads, lines)}
    except (OSError, ValueError, KeyError, TypeError):
        return None
