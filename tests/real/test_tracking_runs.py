"""Runs with trackers, in processes of their own: what stands in trackio's files, and that nothing else changes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.real.toys import SPEC, Toys
from tests.security.test_secrets import canary, leaks

BROKEN = """
from cordspec.plugin import Tracker, hookimpl
class Broken(Tracker):
    name = "broken"
    def begin(self, run): pass
    def log(self, stage, step, values): raise OSError(28, "No space left on device")
    def end(self, status): raise SystemError("boom")
@hookimpl
def cordspec_components():
    yield Broken
"""
READ = """
import json, trackio
from trackio.sqlite_storage import SQLiteStorage
print(json.dumps(SQLiteStorage.get_logs("t", "base")))
"""


def toys(place: Path, trackers: str | None) -> Toys:
    """With these trackers; None where the spec does not say."""
    named = "" if trackers is None else f", trackers = [{trackers}]"
    made = Toys(place, SPEC.replace(", trackers = []", named))
    info = made.site / "broken_tracker-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken-tracker\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[cordspec]\ntracker.broken = broken_tracker\n")
    (made.site / "broken_tracker.py").write_text(BROKEN)
    return made


def test_a_run_is_the_same_with_trackers_and_with_a_broken_one(tmp_path: Path) -> None:
    plain, told = toys(tmp_path / "plain", ""), toys(tmp_path / "told", "jsonl, broken")
    assert plain.run().returncode == 0
    done = told.run()
    assert done.returncode == 0, done.stderr
    assert (done.stdout + done.stderr).count("W820") == 1
    assert "`broken` failed" in done.stdout + done.stderr
    assert told.texts() == plain.texts()
    stages = [sorted(path.name for path in (one.out / "stages").iterdir()) for one in (plain, told)]
    assert stages[0] == stages[1]
    assert not (plain.out / "tracking").exists()
    lines = [json.loads(line) for line in (told.out / "tracking" / "metrics.jsonl").read_text().splitlines()]
    assert [(line["step"], line["loss"]) for line in lines if "loss" in line] == [(1, 1.0), (2, 1.0), (3, 1.0)]
    metrics = json.loads(next((told.out / "stages").glob("eval*after*/metrics.json")).read_text())["metrics"][
        "pass_at_1"
    ]
    measured = next(line for line in lines if line["stage"] == "after")
    assert (measured["pass_at_1"], measured["pass_at_1/n"]) == (metrics["value"], metrics["n"])


@pytest.mark.item("S16")
def test_trackio_writes_into_the_run_only_and_no_secret(tmp_path: Path) -> None:
    """With tokens and addresses that would make trackio talk to somebody; the home is looked at as well."""
    pytest.importorskip("trackio")
    key, home = canary(), tmp_path / "home"
    home.mkdir()
    made = toys(tmp_path / "work", "trackio, jsonl")
    done = made.call(
        "run", "t.cord", "--out", "run", "--display", "plain", "--set", "t.seed=5", HOME=str(home), HF_TOKEN=key, SECRET=key,
        TRACKIO_SPACE_ID=f"someone/{key}", TRACKIO_SERVER_URL=f"https://127.0.0.1:9/?write_token={key}",
        TRACKIO_DIR=str(home / "elsewhere"),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "W82" not in done.stdout + done.stderr, done.stderr
    assert list(home.rglob("*trackio*")) == [] and not (home / "elsewhere").exists()
    written = {str(path): path.read_bytes() for path in (made.out / "tracking").rglob("*") if path.is_file()}
    assert leaks(key, written) == []
    assert [name for name, text in written.items() if b"t.seed=5" in text or b"--display" in text] == [], (
        "a command line"
    )
    assert [name for name, text in written.items() if b"What is" in text] == [], "a question"
    environment = {**os.environ, "TRACKIO_DIR": str(made.out / "tracking" / "trackio")}
    read = subprocess.run(
        [sys.executable, "-c", READ], env=environment, capture_output=True, text=True, check=True, timeout=60
    )
    logs = json.loads(read.stdout)
    assert [(row["step"], row["small/loss"]) for row in logs if "small/loss" in row] == [(1, 1.0), (2, 1.0), (3, 1.0)]
    lines = [json.loads(line) for line in (made.out / "tracking" / "metrics.jsonl").read_text().splitlines()]
    measured = next(line for line in lines if line["stage"] == "after")
    assert next(row["after/pass_at_1"] for row in logs if "after/pass_at_1" in row) == measured["pass_at_1"]


def test_a_run_that_trains_is_told_to_trackio_if_nothing_is_said(tmp_path: Path) -> None:
    pytest.importorskip("trackio")
    made = toys(tmp_path / "work", None)
    assert made.run().returncode == 0
    environment = {**os.environ, "TRACKIO_DIR": str(made.out / "tracking" / "trackio")}
    read = subprocess.run(
        [sys.executable, "-c", READ], env=environment, capture_output=True, text=True, check=True, timeout=60
    )
    assert [row["small/loss"] for row in json.loads(read.stdout) if "small/loss" in row] == [1.0, 1.0, 1.0]
    shutil.rmtree(made.out / "tracking")
    assert made.run().returncode == 0
    assert not (made.out / "tracking").exists(), "nothing was trained"


def test_a_trackio_that_ends_by_itself_ends_nothing_else(tmp_path: Path) -> None:
    made = toys(tmp_path / "work", "trackio")
    (made.site / "trackio.py").write_text("raise SystemExit('no room for metrics')\n")
    done = made.run()
    assert done.returncode == 0, done.stderr
    said = done.stdout + done.stderr
    assert said.count("W820") == 1 and "worker.log says why" in said
    assert "no room for metrics" in (made.out / "tracking" / "trackio" / "worker.log").read_text()


def test_the_process_of_trackio_makes_no_connection() -> None:
    code = (
        "import sys, socket\nfrom cordspec_track.trackio_worker import refuse_connections\nsys.addaudithook(refuse_connections)\n"
        "for call in (lambda: socket.create_connection(('127.0.0.1', 9), 1), lambda: socket.getaddrinfo('localhost', 80)):\n"
        "    try:\n        call()\n    except PermissionError:\n        print('refused')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == ["refused", "refused"]


@pytest.mark.parametrize("name", ["wandb", "mlflow"])
def test_with_the_package_itself(tmp_path: Path, name: str) -> None:
    """Where it is installed; the locked packages do not have it."""
    pytest.importorskip(name)
    key = canary()
    made = toys(tmp_path / "work", name)
    done = made.call(
        "run", "t.cord", "--out", "run", "--display", "plain", "--set", "t.seed=5", WANDB_API_KEY=key, SECRET=key
    )
    assert done.returncode == 0 and "W82" not in done.stdout + done.stderr, done.stderr
    written = {str(path): path.read_bytes() for path in (made.out / "tracking").rglob("*") if path.is_file()}
    assert any(b"small/loss" in text for text in written.values())
    assert leaks(key, written) == []
    assert [path for path, text in written.items() if b"t.seed=5" in text or b"What is" in text] == []
