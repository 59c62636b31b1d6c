"""Looking into the journal of a run that is over, or was killed."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from cordspec.journal.notes import NOTES


def count_answers(run: Path, who: str = "%") -> int:
    """The answers of engines that a run kept, of all models or of those whose fingerprints look so."""
    if not (run / "run.db").exists():
        return 0
    marks = ",".join("?" * len(NOTES))
    query = f"SELECT count(*) FROM entry WHERE who LIKE ? AND who NOT IN ({marks})"
    with closing(sqlite3.connect(run / "run.db")) as connection:
        return int(connection.execute(query, (who, *NOTES)).fetchone()[0])
