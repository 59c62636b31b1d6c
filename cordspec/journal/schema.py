"""The one shape of `run.db` that is read. A file of another shape, with a trigger or a view, is not touched."""

from __future__ import annotations

import sqlite3

VERSION = 2

TABLES = {
    "meta": "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT",
    "entry": """CREATE TABLE entry (
    seq INTEGER PRIMARY KEY,
    key BLOB NOT NULL UNIQUE,
    attempt INTEGER NOT NULL,
    who TEXT NOT NULL,
    answer TEXT NOT NULL,
    seconds REAL NOT NULL,
    sum BLOB NOT NULL
) STRICT""",
}
KEY_INDEX = "sqlite_autoindex_entry_1"
_EXPECTED = {("table", name, sql) for name, sql in TABLES.items()} | {
    ("index", KEY_INDEX, None),
    ("index", "sqlite_autoindex_meta_1", None),
}

HEADER_BYTES = 100
_LOGGED = b"\x02\x02"
"""Bytes 18 and 19 of a database that has a write-ahead log."""


def names_log(head: bytes) -> bool:
    """Whether the first bytes of a database say that it has a write-ahead log."""
    return head[18:20] == _LOGGED


def create(connection: sqlite3.Connection) -> None:
    """Make the tables, in one transaction."""
    connection.execute("BEGIN IMMEDIATE")
    for sql in TABLES.values():
        connection.execute(sql)
    connection.execute("INSERT INTO meta VALUES ('schema', ?)", (str(VERSION),))
    connection.execute("COMMIT")


def is_empty(connection: sqlite3.Connection) -> bool:
    """Whether nothing was ever made in the file."""
    return connection.execute("SELECT 1 FROM sqlite_schema").fetchone() is None


def version(connection: sqlite3.Connection) -> str:
    """The version that a file names; an empty text if it names none. A view or a virtual table of that name is not read."""
    known = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'meta' AND sql = ?"
    if connection.execute(known, (TABLES["meta"],)).fetchone() is None:
        return ""
    row = connection.execute("SELECT value FROM meta WHERE name = 'schema'").fetchone()
    return str(row[0]) if row else ""


def is_ours(connection: sqlite3.Connection) -> bool:
    """Whether a file holds exactly these tables, and names nothing but its version."""
    found = set(connection.execute("SELECT type, name, sql FROM sqlite_schema"))
    return found == _EXPECTED and connection.execute("SELECT count(*) FROM meta").fetchone()[0] == 1
