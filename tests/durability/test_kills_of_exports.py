"""An export that is killed while it takes the place of an earlier one leaves nothing half in sight."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.durability import oracles
from tests.durability.harness import ROOT, Kill, Stage, in_memory

PROGRAM = """
import os, signal, sys
from collections import Counter
from pathlib import Path
from cordspec import api, faultpoints
from cordspec.errors import UsageError

run, to, keep, margin, point, passage = sys.argv[1:]
passed = Counter()

def at(name):
    passed[name] += 1
    if name == point and passed[name] == int(passage):
        os.kill(os.getpid(), signal.SIGKILL)

faultpoints.arm(at)
api.export(Path(run), Path(to), keep=keep, margin=float(margin))
"""
POINTS = (
    Kill("file.before_sync", 3), Kill("stage.before_rename", 1), Kill("stage.set_aside", 1), Kill("stage.after_rename", 1),
)  # fmt: skip


@pytest.fixture(scope="module")
def run() -> Iterator[Path]:
    """A finished run."""
    with in_memory() as directory, Stage(directory) as stage:
        run = stage.run("whole", "beam")
        assert not run.process() and not run.wrong
        yield run.out


def exported(run: Path, to: Path, margin: float, kill: Kill = Kill()) -> int:  # noqa: B008 - it is frozen
    paths = [str(ROOT), str(ROOT / "plugins"), os.environ.get("PYTHONPATH", "")]
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, str(run), str(to), "all", str(margin), kill.point, str(kill.passage)],
        check=False, timeout=60, env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
    ).returncode  # fmt: skip


def content(directory: Path) -> dict[str, bytes]:
    return {
        path.relative_to(directory).as_posix(): path.read_bytes() for path in directory.rglob("*") if path.is_file()
    }


@pytest.mark.parametrize("kill", POINTS, ids=lambda kill: kill.point)
def test_an_export_is_seen_whole_or_not_at_all(run: Path, tmp_path: Path, kill: Kill) -> None:
    to = tmp_path / "data"
    assert exported(run, to, 0.0) == 0
    former = content(to)
    assert exported(run, to, 0.1, kill) == -9
    assert not to.exists() or not list(oracles.torn(to))
    if to.exists():
        assert (content(to) == former) == (kill.point != "stage.after_rename")
    assert exported(run, to, 0.1) == 0
    assert not list(oracles.torn(to)) and content(to) != former
    assert [path.name for path in tmp_path.iterdir()] == ["data"], "nothing is left over"
