"""What lies in a run directory between two processes, and at the end."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from cordspec.artifacts.store import RunDirectory
from tests.simulation.experiments import Drawn
from tests.simulation.record import Record

TRACES, CANDIDATES, DATASET, EVENTS, LEDGER = (
    "traces.jsonl", "candidates.jsonl", "dataset.jsonl", "events.jsonl", "ledger.json"
)  # fmt: skip
_COSTS = re.compile(r'"(seconds|prefilled)": [-0-9.e]+')
_TIMED = ("seconds", "remembered", "wasted_tokens")
"""What a decode cost depends on when its answers came; nothing else does."""


def answers_in(directory: Path, aside: Path) -> list[tuple[bytes, str]]:
    """Keys and answers of a journal, read from a copy: the files are as the process left them."""
    if not (directory / "run.db").exists():
        return []
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir()
    for name in ("run.db", "run.db-wal"):
        if (directory / name).exists():
            shutil.copyfile(directory / name, aside / name)
    with closing(sqlite3.connect(aside / "run.db")) as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")} & {"answer", "entry"}
        return [row for table in tables for row in connection.execute(f"SELECT key, answer FROM {table}")]


def stages(directory: Path) -> list[Path]:
    """The stages that are there."""
    return sorted(path for path in (directory / "stages").glob("[!.]*"))


def check_whole(directory: Path, record: Record) -> None:
    """A stage is there whole or not at all."""
    for path in stages(directory):
        if not RunDirectory(directory).has(path.name):
            record.violate(f"{path.name} is there without its receipt")
        else:
            RunDirectory(directory).verify(path.name)


def check_tidy(directory: Path, record: Record) -> None:
    """A process that was not killed leaves nothing half-written."""
    for path in directory.rglob(".*"):
        record.violate(f"{path.name} is left behind")


def decoded(directory: Path) -> Path | None:
    """The stage of the decode."""
    return next((path for path in stages(directory) if path.name.startswith("decode")), None)


def check_conserved(directory: Path, drawn: Drawn, record: Record) -> None:
    """Of every problem there is one trace, in the order of the problems; nothing else is of no problem."""
    stage = decoded(directory)
    problems = next((path for path in stages(directory) if path.name.startswith("problems")), None)
    if stage is None or problems is None:
        record.violate("a finished run has no traces")
        return
    wanted = [row["id"] for row in _rows(problems / "problems.jsonl")]
    traces = list(_rows(stage / TRACES))
    if [row["problem"] for row in traces] != wanted or len(wanted) != drawn.problems:
        record.violate(f"of {drawn.problems} problems there are {len(traces)} traces")
    taught = [row["problem"] for row in _rows(stage / DATASET)]
    if taught != [row["problem"] for row in traces if row["steps"] and ("keep = all" in drawn.text or row["correct"])]:
        record.violate("the training set is not that of the traces")
    for name in (CANDIDATES, EVENTS):
        order = list(dict.fromkeys(row["problem"] for row in _rows(stage / name)))
        if order != [one for one in wanted if one in order]:
            record.violate(f"{name} is not in the order of the problems")


def set_aside(directory: Path) -> bool:
    """Whether problems were given up: a run that is killed again and again cannot tell whose fault it is."""
    stage = decoded(directory)
    return stage is not None and any("were set aside" in path.read_text() for path in stage.glob("*.json"))


def results(directory: Path) -> dict[str, str]:
    """What a decode came to, without what depends on when answers came."""
    stage = decoded(directory)
    assert stage is not None
    found = {name: (stage / name).read_text() for name in (TRACES, CANDIDATES, DATASET)}
    found[EVENTS] = _COSTS.sub(r'"\1": 0', (stage / EVENTS).read_text())
    ledger = json.loads((stage / LEDGER).read_text())
    found[LEDGER] = json.dumps([
        (role, {name: value for name, value in spend.items() if name not in _TIMED}) for role, spend in ledger.items()
    ])  # fmt: skip
    return found


def exact_results(directory: Path) -> dict[str, str]:
    """What is a function of the journal alone, to the last byte."""
    stage = decoded(directory)
    assert stage is not None
    return {name: (stage / name).read_text() for name in (TRACES, CANDIDATES, DATASET, EVENTS)}


def _rows(path: Path) -> Iterator[dict[str, object]]:
    with path.open() as lines:
        yield from map(json.loads, lines)
