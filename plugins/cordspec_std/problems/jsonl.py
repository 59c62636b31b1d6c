"""`jsonl`: problems from a JSON Lines file, one object a line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import Field

from cordspec.plugin import (
    ANSWER_CUE,
    ANSWER_END,
    Column,
    Component,
    InvalidData,
    Options,
    Problem,
    ProblemSource,
    Solution,
    Unavailable,
    hookimpl,
)


class JsonLinesOptions(Options):
    """Options of `problems NAME : jsonl { ... }`."""

    path: str = Field(description="the file, relative to the directory in which cordspec runs")
    question: Annotated[str, Column(carries_answer=False)] = Field("question", description="the key of the question")
    answer: Annotated[str, Column(carries_answer=True)] = Field("answer", description="the key of the reference answer")
    thinking: Annotated[str, Column(carries_answer=True)] = Field(
        "thinking", description="the key of the worked solution's thinking, where there is one"
    )
    rows: int = Field(0, ge=0, description="how many problems it must hold; 0 for any number")
    limit: int = Field(0, ge=0, description="read only so many problems; 0 for all")


class JsonLines(ProblemSource[JsonLinesOptions]):
    """Reads a whole file before anything runs, so that a wrong row costs nothing."""

    name: ClassVar[str] = "jsonl"

    def load(self) -> Iterator[Problem]:
        path = Path(self.options.path)
        try:
            lines = path.read_text(encoding="utf-8-sig").split("\n")
        except OSError as error:
            raise Unavailable(f"cannot read {path}: {(error.strerror or 'unreadable').lower()}") from error
        except UnicodeDecodeError as error:
            raise InvalidData(f"{path} is not UTF-8 text", "save it as UTF-8") from error
        numbered = [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
        if self.options.rows not in (0, len(numbered)):
            raise InvalidData(f"{path} holds {len(numbered)} problems, {self.options.rows} were expected", "see `rows`")
        for number, line in numbered[: self.options.limit or None]:
            yield self._problem(line, f"{path}:{number}")

    def _problem(self, line: str, place: str) -> Problem:
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise InvalidData("this line is not a JSON object", "one JSON object a line", place) from error
        if not isinstance(row, dict):
            raise InvalidData("this line is not a JSON object", "one JSON object a line", place)
        question, answer = self._text(row, self.options.question, place), self._text(row, self.options.answer, place)
        thinking = row.get(self.options.thinking)
        solution = Solution(str(thinking), f"{ANSWER_CUE}{answer}{ANSWER_END}") if thinking else None
        return Problem(question, answer, solution)

    @staticmethod
    def _text(row: dict[str, object], key: str, place: str) -> str:
        value = row.get(key)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            value = str(value)
        if not isinstance(value, str) or not value.strip():
            found = "is missing" if value is None else "is empty" if value == "" else "is no text"
            raise InvalidData(f"`{key}` {found}", f"every problem needs a `{key}`", place)
        return value.strip()


@hookimpl
def cordspec_components() -> Iterable[type[Component]]:
    yield JsonLines
