"""A report as text for a terminal: aligned columns, nothing but characters."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from typing import Final

from cordspec.report.table import Report, Table

WIDTH: Final = 110
"""Characters of a line of notes; tables are as wide as they are."""
_NUMBER: Final = re.compile(r"[-+–]?[\d.,]*( ?%| \(.*\))?")


def to_text(report: Report) -> str:
    """The report with its tables aligned, numbers to the right."""
    parts = [report.title, *report.lines]
    for table in report.tables:
        parts.append("\n".join([table.title, *_aligned(table), *textwrap.wrap(table.note, WIDTH)]))
    return "\n\n".join(parts) + "\n"


def _aligned(table: Table) -> Iterator[str]:
    columns = list(zip(table.columns, *table.rows, strict=True))
    widths = [max(map(len, column)) for column in columns]
    right = [all(_NUMBER.fullmatch(cell) for cell in column[1:]) for column in columns]
    for row in (table.columns, *table.rows):
        cells = (
            cell.rjust(width) if is_right else cell.ljust(width)
            for cell, width, is_right in zip(row, widths, right, strict=True)
        )
        yield ("  " + "  ".join(cells)).rstrip()
