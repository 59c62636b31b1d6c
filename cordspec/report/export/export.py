"""A finished decode as training data: one function."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from cordspec.artifacts.records import to_lines
from cordspec.artifacts.store import write_text
from cordspec.diagnostics import Diagnostic
from cordspec.errors import UsageError
from cordspec.report.export import llama_factory
from cordspec.report.export.card import make_card
from cordspec.report.export.columns import COLUMNS, Form
from cordspec.report.export.parquet import require_pyarrow, write_parquet
from cordspec.report.export.place import DESCRIPTION, writing
from cordspec.report.export.rows import Selection, make_rows
from cordspec.report.export.scan import Scan, scan
from cordspec.report.export.source import Source
from cordspec.report.export.texts import Row

Format = Literal["jsonl", "parquet"]
SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written: the number of rows of each form, and what a scan found in them. A form without rows has no file."""

    to: Path
    decode: str
    rows: Mapping[Form, int]
    scans: Mapping[Form, Scan]
    pending: int = 0


def export(source: Source, to: Path, selection: Selection, formats: Sequence[Format] = ("jsonl",)) -> Exported:
    """Write the rows of each form, a card and a description into a directory, which appears whole or not at all.

    Raises:
        UsageError: no form has a row, or something that is not an untouched export lies there.
        PreflightError: Parquet is wanted and pyarrow is not installed.
        IntegrityError: the decode is damaged.
        IncompleteError: the disk is full or cannot be written.
    """
    if "parquet" in formats:
        require_pyarrow()
    rows = {form: make_rows(source, form, selection) for form in selection.forms}
    counts = {form: len(found) for form, found in rows.items()}
    if not any(counts.values()):
        message = f"`{source.decode.name}` gives no row of {', '.join(rows)}"
        help = "lower --margin, give --keep all, or take another decode: no trace is right or no sibling scored lower"
        raise UsageError(Diagnostic("E711", message, help=help))
    scans = {form: scan(found) for form, found in rows.items() if found}
    with writing(to) as directory:
        # one file for each form is loaded: with both, every row would come twice
        loaded = {form: _write_rows(directory, form, found, formats) for form, found in rows.items() if found}
        if "messages" in loaded:
            name = f"{source.run.manifest.experiment}_{source.decode.name}"
            write_text(directory / llama_factory.FILE, llama_factory.dataset_info(name, loaded["messages"]))
        write_text(directory / "README.md", make_card(source, selection, counts, loaded, scans))
        write_text(directory / DESCRIPTION, _description(source, selection, counts, formats, scans))
    return Exported(to, source.decode.name, counts, scans, source.pending)


def _write_rows(directory: Path, form: Form, rows: Sequence[Row], formats: Sequence[Format]) -> str:
    """Write the files of a form; returns the name of the one to load."""
    (directory / form).mkdir()
    for format in formats:
        path = directory / form / f"train.{format}"
        if format == "jsonl":
            write_text(path, to_lines(rows))
        else:
            write_parquet(path, rows, COLUMNS[form])
    return f"{form}/train.{'parquet' if 'parquet' in formats else 'jsonl'}"


def _description(
    source: Source,
    selection: Selection,
    counts: Mapping[Form, int],
    formats: Sequence[Format],
    scans: Mapping[Form, Scan],
) -> str:
    manifest = source.run.manifest
    described = {
        "schema_version": SCHEMA_VERSION,
        "experiment": manifest.experiment,
        "variant": source.variant,
        "decode": source.decode.name,
        "stage": source.decode.stage,
        "cordspec": manifest.versions.get("cordspec", ""),
        "origin": source.origin,
        "rows": counts,
        "scan": {form: asdict(found) for form, found in scans.items()},
        "formats": list(formats),
        "keep": selection.keep,
        "margin": selection.margin,
        "pending": source.pending,
    }
    return json.dumps(described, indent=2, ensure_ascii=False) + "\n"
