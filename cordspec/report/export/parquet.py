"""Rows as Parquet. pyarrow is no dependency of the core: it is imported when a file is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cordspec.diagnostics import Diagnostic
from cordspec.errors import PreflightError
from cordspec.report.export.columns import Columns, Kind
from cordspec.report.export.texts import Row


def require_pyarrow() -> None:
    """Refuse before anything is made.

    Raises:
        PreflightError: pyarrow is not installed.
    """
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError as error:
        help = "pip install pyarrow, or export with --format jsonl"
        raise PreflightError(Diagnostic("E601", f"Parquet files need {error.name}", help=help)) from error


def write_parquet(path: Path, rows: Sequence[Row], columns: Columns) -> None:
    """Write a file with exactly these columns, each of its declared type."""
    import pyarrow
    import pyarrow.parquet

    schema = pyarrow.schema([(name, _type(pyarrow, column.kind)) for name, column in columns.items()])
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(list(rows), schema=schema), path)


def _type(pyarrow: Any, kind: Kind) -> Any:
    if isinstance(kind, str):
        return pyarrow.type_for_alias(kind)
    if isinstance(kind, dict):
        return pyarrow.struct([(name, _type(pyarrow, inner)) for name, inner in kind.items()])
    return pyarrow.list_(_type(pyarrow, kind[0]))
