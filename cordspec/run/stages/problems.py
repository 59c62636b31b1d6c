"""Load a problem set and hold it to what every later stage relies on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Final

from cordspec.artifacts.records import to_lines
from cordspec.artifacts.store import write_text
from cordspec.domain.problem import Problem
from cordspec.extension.component import InvalidData
from cordspec.extension.kinds.problems import ProblemSource
from cordspec.model import Block
from cordspec.run.workshop import component_errors

PROBLEMS: Final = "problems.jsonl"


def load(block: Block, limit: int | None) -> tuple[Problem, ...]:
    """The problems of a block, at most ``limit`` of them; a question that comes twice is taken once.

    Raises:
        SpecError: a row is wrong, or there is no problem at all.
        PreflightError: the data is not here.
    """
    assert block.component is not None and issubclass(block.component, ProblemSource)
    with component_errors(block):
        found: dict[str, Problem] = {}
        for number, problem in enumerate(block.component(block.options).load(), 1):
            if found.setdefault(problem.id, problem).answer != problem.answer:
                raise InvalidData(f"problem {number} asks the question of an earlier one, with another answer")
            if not problem.question.strip() or not problem.answer.strip():
                what = "question" if not problem.question.strip() else "answer"
                raise InvalidData(f"problem {number} has no {what}", "every problem needs a question and an answer")
        problems = list(found.values())
        if not problems:
            raise InvalidData(f"`{block.name}` holds no problem", "check its options, or the file that it reads")
    return tuple(problems[:limit])


def write_problems(directory: Path, problems: Iterable[Problem]) -> None:
    """Put problems into the directory of their stage."""
    write_text(directory / PROBLEMS, to_lines({"id": problem.id, **asdict(problem)} for problem in problems))


def read_problems(directory: Path) -> Iterator[Problem]:
    """The problems of a finished stage, as they were decoded: without worked solutions, which no decode sees."""
    with (directory / PROBLEMS).open(encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            yield Problem(row["question"], row["answer"], step_tags=tuple(row["step_tags"]))


def content_hash(problems: Iterable[Problem]) -> str:
    """The identity of a problem set: its problems in their order."""
    rows = json.dumps([asdict(problem) for problem in problems], ensure_ascii=True, sort_keys=True)
    return hashlib.sha256(rows.encode()).hexdigest()
