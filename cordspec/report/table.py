"""What a report is: titled tables of text with the numbers that they are made from."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Table:
    """A titled table of text cells, with a note on how to read it."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """The report of one run."""

    title: str
    lines: tuple[str, ...]
    tables: tuple[Table, ...]
    data: dict[str, object]
    failed: tuple[str, ...] = ()
    """Expectations of the spec that do not hold, in words."""

    def to_json(self) -> str:
        return json.dumps(self.data, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"

    def to_markdown(self) -> str:
        parts = [f"# {self.title}", *self.lines]
        for table in self.tables:
            parts += [f"## {table.title}", _markdown_table(table)]
            if table.note:
                parts.append(table.note)
        return "\n\n".join(parts) + "\n"


def _markdown_table(table: Table) -> str:
    def row(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"

    return "\n".join([row(table.columns), "|" + " --- |" * len(table.columns), *(row(cells) for cells in table.rows)])
