"""Journals that a stranger could hand over as `run.db`: each does something that a journal of ours never does.

``DATABASES`` maps a name to what builds the file. A reader of foreign journals opens them read-only, refuses each with a
diagnostic and runs nothing of what they hold.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Final

from cordspec.journal import Journal
from cordspec.journal.rows import checksum


def _ours(path: Path) -> None:
    """An empty journal, closed properly."""
    with Journal(path):
        pass


def _changed(path: Path, *statements: str) -> None:
    _ours(path)
    with closing(sqlite3.connect(path)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def trigger(path: Path) -> None:
    """Writes more when something is written."""
    _changed(
        path, "CREATE TABLE stolen (x)",
        "CREATE TRIGGER steal AFTER INSERT ON entry BEGIN INSERT INTO stolen VALUES (NEW.answer); END",
    )  # fmt: skip


def view(path: Path) -> None:
    """Answers come from a view in the place of the table."""
    _changed(path, "ALTER TABLE entry RENAME TO real_entry", "CREATE VIEW entry AS SELECT * FROM real_entry")


def generated_column(path: Path) -> None:
    """A column that is computed when it is read, by a function."""
    _changed(path, "CREATE TABLE computed (a, b GENERATED ALWAYS AS (hex(zeroblob(400000000))) VIRTUAL)")


def check_constraint(path: Path) -> None:
    """A constraint that calls a function on every write."""
    _changed(path, "CREATE TABLE checked (a CHECK (length(hex(zeroblob(100000000))) > 0))")


def expression_index(path: Path) -> None:
    """An index over an expression."""
    _changed(path, "CREATE TABLE indexed (a)", "CREATE INDEX odd ON indexed (abs(a))")


def virtual_table(path: Path) -> None:
    """A table that a module of SQLite answers for."""
    _changed(path, "CREATE VIRTUAL TABLE searched USING fts5(text)")


def broken_schema(path: Path) -> None:
    """A schema that no statement made."""
    _ours(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("UPDATE sqlite_master SET sql = 'CREATE TABLE entry (key, key, key)' WHERE name = 'entry'")
        connection.commit()


def other_version(path: Path) -> None:
    """A schema version from the far future."""
    _changed(path, "UPDATE meta SET value = '999999999999999999999' WHERE name = 'schema'")


def large_value(path: Path) -> None:
    """One value of 64 MiB."""
    _changed(path, "CREATE TABLE large (x)", "INSERT INTO large VALUES (zeroblob(67108864))")


def no_database(path: Path) -> None:
    """Text under the name of a journal."""
    path.write_bytes(b"SQLite format 3\x00" + b"this is none" * 500)


def truncated(path: Path) -> None:
    """A journal that ends in the middle of a page."""
    _changed(path, "CREATE TABLE filler (x)", "INSERT INTO filler VALUES (zeroblob(100000))")
    path.write_bytes(path.read_bytes()[:20_001])


def not_text(path: Path) -> None:
    """Control sequences and invalid UTF-8 where names and texts should be."""
    _changed(path, "INSERT INTO meta VALUES (CAST(x'1b5b33316dff' AS TEXT), CAST(x'1b5d303b78079bff' AS TEXT))")


def deep_text(path: Path) -> None:
    """An answer with a good checksum that is JSON nested a hundred thousand deep."""
    _ours(path)
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT count(*) FROM entry").fetchone()[0]
        key, text = b"d" * 32, "[" * 100_000
        values = (rows + 1, key, 1, "model", text, 0.0, checksum(rows + 1, key, 1, "model", text, 0.0))
        connection.execute("INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?, ?)", values)
        connection.commit()


DATABASES: Final[Mapping[str, Callable[[Path], None]]] = {
    "a trigger": trigger, "a view": view, "a generated column": generated_column, "a check": check_constraint,
    "an index over an expression": expression_index, "a virtual table": virtual_table, "a broken schema": broken_schema,
    "another version": other_version, "a large value": large_value, "no database": no_database, "half a page": truncated,
    "texts that are none": not_text, "deep JSON": deep_text,
}  # fmt: skip
