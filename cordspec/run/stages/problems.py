"""Load a problem set and hold it to what every later stage relies on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from cordspec.artifacts.records import to_lines
from cordspec.artifacts.store import write_text
from cordspec.domain.problem import Problem
from cordspec.extension.component import InvalidData
from cordspec.extension.kinds.problems import ProblemSource
from cordspec.faultpoints import faultpoint
from cordspec.model import Block
from cordspec.run.workshop import component_errors

PROBLEMS: Final = "problems.jsonl"


@dataclass(frozen=True, slots=True)
class ProblemSet:
    """The problems of a block, each question once, with what is said of them in a run."""

    problems: tuple[Problem, ...]
    repeated: int
    """Rows that were left out since their question came before."""
    revision: str
    """The commit of a public data set; empty for what is known by its rows alone."""

    @property
    def summary(self) -> str:
        said = [f"{len(self.problems)} problems"]
        said += [f"repeated rows left out: {self.repeated}"] if self.repeated else []
        said += [f"revision {self.revision}"] if self.revision else []
        return ", ".join(said)


def fetch(block: Block) -> None:
    """Bring the data of a block here, where it is not.

    Raises:
        PreflightError: it cannot be had.
    """
    with component_errors(block):
        _source(block).fetch()


def load(block: Block, limit: int | None) -> ProblemSet:
    """The problems of a block, at most ``limit`` of them, from what is on this machine.

    Raises:
        SpecError: a row is wrong, or there is no problem at all.
        PreflightError: the data is not here.
    """
    number = 0
    with component_errors(block):
        source = _source(block)
        found: dict[str, tuple[int, Problem]] = {}
        for number, problem in enumerate(source.load(), 1):
            first, same = found.setdefault(problem.id, (number, problem))
            if same.answer != problem.answer:
                message = f"problem {number} asks the question of problem {first}, with another answer"
                raise InvalidData(message, "leave one of them out")
            if not problem.question.strip() or not problem.answer.strip():
                what = "question" if not problem.question.strip() else "answer"
                raise InvalidData(f"problem {number} has no {what}", "every problem needs a question and an answer")
        problems = [problem for _, problem in found.values()]
        if not problems:
            raise InvalidData(f"`{block.name}` holds no problem", "check its options, or the file that it reads")
        return ProblemSet(tuple(problems[:limit]), number - len(problems), source.revision())


def _source(block: Block) -> ProblemSource:
    assert block.component is not None and issubclass(block.component, ProblemSource)
    return block.component(block.options)


def write_problems(directory: Path, problems: Iterable[Problem]) -> None:
    """Put problems into the directory of their stage."""
    write_text(directory / PROBLEMS, to_lines({"id": problem.id, **_row(problem)} for problem in problems))
    faultpoint("problems.written")


def read_problems(directory: Path) -> Iterator[Problem]:
    """The problems of a finished stage, as they were decoded: without worked solutions, which no decode sees."""
    with (directory / PROBLEMS).open(encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            tags, marking = tuple(row["step_tags"]), row.get("marking", "")
            yield Problem(row["question"], row["answer"], step_tags=tags, marking=marking)


def _row(problem: Problem) -> dict[str, object]:
    """A problem as it is kept; without `marking` where it has none, so that such sets are what they were before."""
    row = asdict(problem)
    return row if problem.marking else {name: value for name, value in row.items() if name != "marking"}


def content_hash(problems: Iterable[Problem]) -> str:
    """The identity of a problem set: its problems in their order."""
    rows = json.dumps([_row(problem) for problem in problems], ensure_ascii=True, sort_keys=True)
    return hashlib.sha256(rows.encode()).hexdigest()
