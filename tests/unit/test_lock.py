"""Locks: what is pinned, and that a drift is refused."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

Run = Callable[..., subprocess.CompletedProcess[str]]
SPEC = """cord 1
experiment e { seed = 3 }
problems p : jsonl { path = "rows.jsonl" }
model a : mini { name = adder }
eval v : math_answers { model = a, problems = p, samples = 1, max_tokens = 64tok }
"""
ROW = '{"question": "What is 1 + 1?", "answer": "2"}\n'


def project(directory: Path) -> None:
    (directory / "t.cord").write_text(SPEC)
    (directory / "rows.jsonl").write_text(ROW)


def test_a_lock_holds_until_something_changes(cordspec: Run, tmp_path: Path) -> None:
    project(tmp_path)
    assert cordspec("lock", "--check", "t.cord").returncode == 9
    assert cordspec("lock", "t.cord").returncode == 0
    assert cordspec("lock", "--check", "t.cord").returncode == 0
    lock = json.loads((tmp_path / "t.cord.lock").read_text())
    assert set(lock["identities"]) == {"a", "p"} and lock["plugins"][0].startswith("cordspec ")
    (tmp_path / "rows.jsonl").write_text(ROW.replace('"2"', '"3"'))
    drifted = cordspec("lock", "--check", "t.cord")
    assert drifted.returncode == 9 and "`p` is " in drifted.stderr
    assert json.loads((tmp_path / "t.cord.lock").read_text()) == lock


def test_a_locked_run_refuses_a_drift_before_anything_runs(cordspec: Run, tmp_path: Path) -> None:
    project(tmp_path)
    unlocked = cordspec("run", "--locked", "t.cord")
    assert unlocked.returncode == 6 and "error[E707" in unlocked.stderr
    cordspec("lock", "t.cord")
    lock = json.loads((tmp_path / "t.cord.lock").read_text())
    lock["plugins"] = ["cordspec 0.0.1"]
    (tmp_path / "t.cord.lock").write_text(json.dumps(lock))
    drifted = cordspec("run", "--locked", "t.cord")
    assert drifted.returncode == 6 and "locked as cordspec 0.0.1" in drifted.stderr
    assert not (tmp_path / "runs").exists()


def test_a_damaged_lock_is_said_to_be_one(cordspec: Run, tmp_path: Path) -> None:
    project(tmp_path)
    (tmp_path / "t.cord.lock").write_text("{")
    assert "cannot be read" in cordspec("run", "--locked", "t.cord").stderr


def test_what_is_only_on_the_hub_is_pinned_by_its_revision(cordspec: Run, tmp_path: Path) -> None:
    project(tmp_path)
    hub = 'problems p : hub { dataset = "GAIR/LIMO" }'
    (tmp_path / "t.cord").write_text(SPEC.replace('problems p : jsonl { path = "rows.jsonl" }', hub))
    assert cordspec("lock", "t.cord").returncode == 3
    pinned = hub.replace(" }", f', revision = "{"a" * 40}" }}')
    (tmp_path / "t.cord").write_text(SPEC.replace('problems p : jsonl { path = "rows.jsonl" }', pinned))
    assert cordspec("lock", "t.cord").returncode == 0
    assert json.loads((tmp_path / "t.cord.lock").read_text())["identities"]["p"] == "a" * 40
