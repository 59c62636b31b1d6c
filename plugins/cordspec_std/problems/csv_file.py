"""`csv`: problems from a CSV file whose first line names the columns."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import ClassVar

from pydantic import Field, field_validator

from cordspec.plugin import Component, InvalidData, hookimpl
from cordspec_std.problems.files import FileOfRows, FileOptions, text_lines
from cordspec_std.problems.rows import MOST_CHARACTERS, Placed


class CsvOptions(FileOptions):
    """Options of `problems NAME : csv { ... }`."""

    delimiter: str = Field(",", description="what stands between two cells; a tab is `\\t`")

    @field_validator("delimiter")
    @classmethod
    def _one_character(cls, delimiter: str) -> str:
        if len(delimiter) != 1 or delimiter in '"\r\n':
            raise ValueError("one character, no quote and no end of a line")
        return delimiter


class Csv(FileOfRows[CsvOptions]):
    """Quoted cells may hold ends of lines, so a row is told by the line at which it ends (RFC 4180)."""

    name: ClassVar[str] = "csv"

    def read(self, path: Path) -> Iterator[Placed]:
        before = csv.field_size_limit(MOST_CHARACTERS)
        lines = csv.reader(text_lines(path), delimiter=self.options.delimiter, strict=True)
        try:
            names = next(lines, [])
            if len(set(names)) < len(names):
                raise InvalidData("two columns have the same name", "name each once", f"{path}:1")
            for cells in lines:
                place = f"{path}:{lines.line_num}"
                if cells and len(cells) != len(names):
                    message = f"this row has {len(cells)} cells, the first line names {len(names)} columns"
                    raise InvalidData(message, "put cells with a delimiter in them into quotes", place)
                if cells:
                    yield place, dict(zip(names, cells, strict=True))
        except csv.Error as error:
            raise InvalidData(f"this row is no CSV: {error}", "see RFC 4180", f"{path}:{lines.line_num}") from error
        finally:
            csv.field_size_limit(before)


@hookimpl
def cordspec_components() -> Iterable[type[Component]]:
    yield Csv
