"""A problem that ends the process is found out, set aside and told; the others are done."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from tests.real.toys import Toys


def test_a_problem_that_ends_the_process_is_set_aside_and_the_run_goes_on(tmp_path: Path) -> None:
    toys = Toys(tmp_path / "work", problems=4)
    rows = (toys.place / "p.jsonl").read_text().splitlines()
    rows.insert(2, json.dumps({"question": "What is poison?", "answer": "1"}))
    (toys.place / "p.jsonl").write_text("\n".join(rows) + "\n")

    ends = [toys.run("--only", "traces").returncode for _ in range(3)]
    assert ends == [-signal.SIGKILL] * 3
    done = toys.run("--only", "traces")
    assert done.returncode == 0, done.stderr
    assert "warning[W714]" in done.stdout + done.stderr and "1 problems were set aside" in done.stdout

    count = toys.manifest["problems"]["traces"]  # type: ignore[index]
    assert (count["input"], count["done"], count["quarantined"], count["pending"]) == (5, 4, 1, 0)
    assert toys.manifest["attempts"] == 4 and sum(toys.manifest["asked_again"].values()) <= 12  # type: ignore[attr-defined]
    traces = [json.loads(line) for line in next(toys.out.glob("stages/decode-*/traces.jsonl")).read_text().splitlines()]
    assert [bool(trace["steps"]) for trace in traces] == ["poison" not in trace["question"] for trace in traces]


@pytest.mark.parametrize("crashes", ["-1", "1"])
def test_a_limit_that_would_set_healthy_problems_aside_is_refused(tmp_path: Path, crashes: str) -> None:
    done = Toys(tmp_path / "work", problems=1).run("--crashes", crashes)
    assert done.returncode == 2 and "must be at least 2, or 0 for never" in done.stderr


def test_without_a_limit_no_problem_is_set_aside(tmp_path: Path) -> None:
    toys = Toys(tmp_path / "work", problems=1)
    (toys.place / "p.jsonl").write_text(json.dumps({"question": "What is poison?", "answer": "1"}) + "\n")
    ends = [toys.run("--only", "traces", "--crashes", "0").returncode for _ in range(4)]
    assert ends == [-signal.SIGKILL] * 4
