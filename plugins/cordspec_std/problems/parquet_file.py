"""`parquet`: problems from a Parquet file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import ClassVar

from cordspec.plugin import Component, InvalidData, Unavailable, hookimpl
from cordspec_std.problems.files import FileOfRows, FileOptions
from cordspec_std.problems.rows import Placed

AT_A_TIME = 1_000
"""Rows in memory at a time."""


class ParquetOptions(FileOptions):
    """Options of `problems NAME : parquet { ... }`."""


class Parquet(FileOfRows[ParquetOptions]):
    """Rows are counted from 1. A whole file is never in memory."""

    name: ClassVar[str] = "parquet"

    def read(self, path: Path) -> Iterator[Placed]:
        try:
            from pyarrow import ArrowException
            from pyarrow.parquet import ParquetFile
        except ImportError as error:
            raise Unavailable(f"Parquet files need {error.name}", 'pip install "cordspec[data]"') from error
        number = 0
        try:
            with path.open("rb") as opened, ParquetFile(opened) as file:
                for batch in file.iter_batches(AT_A_TIME):
                    for row in batch.to_pylist():
                        number += 1
                        yield f"{path}: row {number}", row
        except (ArrowException, UnicodeDecodeError) as error:
            where = f"{path}: after row {number}" if number else str(path)
            raise InvalidData("this is no Parquet file, or a damaged one", "write it again", where) from error


@hookimpl
def cordspec_components() -> Iterable[type[Component]]:
    yield Parquet
