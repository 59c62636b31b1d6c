"""A trace on whose answer the grader fails counts as wrong, and is told from the wrong ones wherever a decode is told of."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from cordspec import api
from cordspec.artifacts.records import TraceRecord, read_lines
from cordspec.domain.problem import Problem
from cordspec.domain.verdict import Verdict
from cordspec.extension.kinds.grader import Grader
from cordspec.run.recording import trace_record
from cordspec.run.stages import decode
from tests.real.toys import SPEC, Toys

TOWER = "9^{9^{9^{9}}}"
"""Nobody compares it with a number within the grader's limit; `test_grader_limits.py` holds that."""
DECODE = SPEC.split("decode single")[0].replace("grader = toy_exact", "grader = math_verify")


@pytest.fixture
def toys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Toys:
    made = Toys(tmp_path / "work", spec=DECODE)
    rows = [{"question": f"What is {number}?", "answer": answer} for number, answer in enumerate(["0", "1", TOWER])]
    (made.place / "p.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    monkeypatch.chdir(made.place)
    return made


def told(toys: Toys) -> dict[str, object]:
    """How many failed gradings each place tells of."""
    api.execute(toys.variants(), toys.out, registry=toys.registry())
    stage = next((toys.out / "stages").glob("decode-traces-*"))
    traces = list(read_lines(stage / "traces.jsonl", TraceRecord))
    (entry,) = [one for one in toys.manifest["stages"] if one["block"] == "traces"]  # type: ignore[attr-defined]
    made = api.render(toys.out)
    (row,) = [line for line in made.to_markdown().splitlines() if line.startswith("| traces | beam |")]
    return {
        "traces": [(trace.outcome, trace.reason) for trace in traces if trace.reference == TOWER],
        "right": [trace.correct for trace in traces] == [trace.outcome == "correct" for trace in traces],
        "outcomes.json": json.loads((stage / "outcomes.json").read_text())["not_graded"],
        "manifest": toys.manifest["problems"]["traces"]["not_graded"],  # type: ignore[index]
        "summary": entry["summary"].partition(", ")[2],
        "report.json": made.data["traces"]["traces"]["not_graded"],  # type: ignore[index]
        "report.md": "| accuracy | not graded |" in made.to_markdown() and row.split(" | ")[4] == "1",
    }


FAILED = {
    "traces": [("failed", "it took more than 5 s")], "right": True, "outcomes.json": 1, "manifest": 1,
    "summary": "1 could not be graded", "report.json": 1, "report.md": True,
}  # fmt: skip


def test_a_grader_that_really_fails_is_told_of_everywhere(toys: Toys) -> None:
    assert told(toys) == FAILED
    made = api.render(toys.out).data["traces"]["traces"]  # type: ignore[index]
    stage = next((toys.out / "stages").glob("decode-traces-*"))
    right = sum(trace.correct for trace in read_lines(stage / "traces.jsonl", TraceRecord))
    assert made["accuracy"]["value"] == pytest.approx(right / 3), "it counts as wrong"
    replays = api.replay(toys.out, registry=toys.registry())
    assert "1 of its traces could not be graded" in api.render_replay(replays).to_markdown()


class OnlyRightOrWrong:
    """The planted bug: only right or wrong is asked of the grader, as it was before."""

    def __init__(self, grader: Grader) -> None:
        self.grader = grader

    def mark(self, problem: Problem, written: str) -> Verdict:
        return Verdict.of(self.grader.grade(written, problem.answer))


def test_a_decode_that_takes_a_failed_grading_for_a_wrong_answer_is_found(
    toys: Toys, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = ({"question": f"What is {number}?", "answer": answer} for number, answer in enumerate(["0", "one"]))
    (toys.place / "p.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    toys.spec.write_text(DECODE.replace("math_verify", "integer"))
    sound = told(toys)
    assert (sound["outcomes.json"], sound["summary"], sound["report.json"]) == (1, "1 could not be graded", 1)
    shutil.rmtree(toys.out)
    bent = lambda record, grader: trace_record(record, OnlyRightOrWrong(grader))  # noqa: E731
    monkeypatch.setattr(decode, "trace_record", bent)
    found = told(toys)
    assert (found["outcomes.json"], found["summary"], found["report.json"]) == (0, "", 0)


def test_traces_of_an_earlier_version_are_read_and_claim_nothing(toys: Toys) -> None:
    toys.spec.write_text(DECODE.replace("math_verify", "toy_exact"))
    api.execute(toys.variants(), toys.out, registry=toys.registry())
    stage = next((toys.out / "stages").glob("decode-traces-*"))
    rows = [json.loads(line) for line in (stage / "traces.jsonl").read_text().splitlines()]
    for row in rows:
        del row["outcome"], row["reason"]
    (stage / "traces.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (stage / "artifact.json").write_text(json.dumps({"schema_version": 1, "files": {}}))
    made = api.render(toys.out)
    assert made.data["traces"]["traces"]["not_graded"] is None  # type: ignore[index]
    assert "not graded" not in made.to_markdown()
