"""Decontamination in a run: what the train stage writes, what the report says, and what dropping does to what is trained."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]
HELD = [
    "A farmer in the north keeps 12 goats and 7 sheep on a hill, and sells 5 of them in May. How many animals are left?",
    "Two trains leave the old station at noon and travel 80 kilometres each hour. How far have they gone by 3 o'clock?",
    "What is 2 + 2?",
]
TRAIN = [
    ("Clara folds 9 paper boats every evening for a week. How many boats does she fold?", "9 times 7 is 63."),
    (HELD[0].replace("12", "31").replace("7", "9").replace("5", "8"), "Count them."),
    ("Is seven a prime number or not?", f"As before: {HELD[1]} It is 240. And 7 is prime."),
    ("what is 2 + 2", "It is 4."),
    ("A baker fills 4 trays with 6 rolls and burns 3 of them. How many rolls can he sell?", "24 less 3 is 21."),
]
SPEC = """cord 1
experiment e { seed = 3 }
problems train : jsonl { path = "train.jsonl" }
problems held  : jsonl { path = "held.jsonl" }
model base : mini { name = base }
student s : sft { init = base, data = train, epochs = 1, max_length = 4_096tok }
eval after : math_answers { model = s, problems = held, samples = 1, max_tokens = 8tok }
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    rows = [{"question": question, "thinking": thinking, "answer": "7"} for question, thinking in TRAIN]
    (tmp_path / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "held.jsonl").write_text("".join(json.dumps({"question": one, "answer": "7"}) + "\n" for one in HELD))
    (tmp_path / "e.cord").write_text(SPEC)
    return tmp_path


def trained(project: Path) -> list[tuple[dict[str, object], int]]:
    """What each train stage found, and how many examples it trained on, the oldest first."""
    stages = sorted((project / "runs/e/stages").glob("train-s-*"), key=lambda path: path.stat().st_mtime)
    return [
        (
            json.loads((one / "contamination.json").read_text()),
            json.loads((one / "training.json").read_text())["examples"],
        )
        for one in stages
    ]


def test_rows_are_reported_as_the_command_said_before(cordspec: Run, project: Path) -> None:
    done = cordspec("decontaminate", "e.cord", "--format", "json")
    assert done.returncode == 0, done.stderr
    assert not (project / "runs").exists()
    before = json.loads(done.stdout)["students"]["s"]
    shown = cordspec("decontaminate", "e.cord").stdout
    assert "number-masked 8-gram 1.00" in shown and "whole 1.00" in shown

    done = cordspec("run", "e.cord")
    assert done.returncode == 0, done.stderr
    ((found, examples),) = trained(project)
    assert found == before
    assert (found["hit_rows"], found["rows"], examples) == (3, 5, 5)
    (against,) = found["sets"]
    assert [(hit["row"], hit["part"], hit["question"]) for hit in against["hits"]] == [
        (2, "prompt", 1), (3, "trace", 2), (4, "prompt", 3),
    ]  # fmt: skip
    report = (project / "runs/e/report.md").read_text()
    assert "| s | train | held | 5 | 3 | 2 | 1 | 1 | 1 | 2 | 1 of 3 | reported |" in report

    later = SPEC + 'problems other : jsonl { path = "train.jsonl" }\neval more like after { problems = other }\n'
    (project / "e.cord").write_text(later)
    done = cordspec("run", "e.cord")
    assert done.returncode == 0, done.stderr
    assert len(trained(project)) == 1, "a set that comes later trains nothing again"
    assert "| s |  | other |  |  |  |  |  |  |  |  | not compared |" in (project / "runs/e/report.md").read_text()


def test_rows_are_left_out_where_the_spec_says_so(cordspec: Run, project: Path) -> None:
    done = cordspec("run", "e.cord", "--set", "s.contaminated=drop")
    assert done.returncode == 0, done.stderr
    assert [(found["action"], examples) for found, examples in trained(project)] == [("drop", 2)]
    assert "| 1 of 3 | left out |" in (project / "runs/e/report.md").read_text()


def test_nothing_clean_is_refused(cordspec: Run, project: Path) -> None:
    (project / "held.jsonl").write_text((project / "train.jsonl").read_text())
    done = cordspec("run", "e.cord", "--set", "s.contaminated=drop")
    assert done.returncode == 1 and done.stderr.count("error[") == 1
    assert "error[E210]: every row of `train` stands in a set that students are measured on" in done.stderr
