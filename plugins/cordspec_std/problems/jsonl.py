"""`jsonl`: problems from a JSON Lines file, one object a line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import Field

from cordspec.plugin import Column, Component, InvalidData, hookimpl
from cordspec_std.problems.files import FileOfRows, FileOptions, text_lines
from cordspec_std.problems.rows import Placed


class JsonLinesOptions(FileOptions):
    """Options of `problems NAME : jsonl { ... }`."""

    thinking: Annotated[str, Column(carries_answer=True)] = Field(
        "thinking", description="the key of the worked solution's thinking, where there is one"
    )


class JsonLines(FileOfRows[JsonLinesOptions]):
    """One JSON object a line; empty lines do not count."""

    name: ClassVar[str] = "jsonl"

    def read(self, path: Path) -> Iterator[Placed]:
        for number, line in enumerate(text_lines(path), 1):
            if not line.strip():
                continue
            place = f"{path}:{number}"
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise InvalidData("this line is not a JSON object", "one JSON object a line", place) from error
            if not isinstance(row, dict):
                raise InvalidData("this line is not a JSON object", "one JSON object a line", place)
            yield place, row


@hookimpl
def cordspec_components() -> Iterable[type[Component]]:
    yield JsonLines
