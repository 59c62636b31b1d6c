"""Files of rows: what is common to JSON Lines, CSV and Parquet."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any, Final

from pydantic import Field
from typing_extensions import TypeVar

from cordspec.plugin import InvalidData, Problem, ProblemSource, Unavailable
from cordspec_std.problems.rows import Placed, RowOptions, problems

MOST_BYTES: Final = 64 * 2**20
"""Of one line: so much of a file that is no text is read before that is told."""


class FileOptions(RowOptions):
    """Options of problems that come from one file."""

    path: str = Field(description="the file, relative to the directory in which cordspec runs")


FileOptionsT = TypeVar("FileOptionsT", bound=FileOptions, default=Any)


class FileOfRows(ProblemSource[FileOptionsT]):
    """A local file, read row by row."""

    @abstractmethod
    def read(self, path: Path) -> Iterator[Placed]:
        """The rows in order, each with its place."""

    def load(self) -> Iterator[Problem]:
        path = Path(self.options.path)
        if path.exists() and not path.is_file():
            raise Unavailable(f"cannot read {path}: not a regular file")
        try:
            yield from problems(self.read(path), self.options, str(path))
        except OSError as error:
            raise Unavailable(f"cannot read {path}: {(error.strerror or 'unreadable').lower()}") from error


def text_lines(path: Path) -> Iterator[str]:
    """The lines of a text file with their ends, as they stand there.

    Raises:
        InvalidData: a line is not UTF-8, or too long to be a row; the message has its number.
    """
    with path.open("rb") as lines:
        for number in count(1):
            line = lines.readline(MOST_BYTES + 1)
            if not line:
                return
            place = f"{path}:{number}"
            if len(line) > MOST_BYTES:
                raise InvalidData(f"this line has more than {MOST_BYTES:,} bytes", "is this the right file?", place)
            try:
                yield line.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                raise InvalidData("this line is not UTF-8 text", "save the file as UTF-8", place) from error
