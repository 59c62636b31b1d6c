"""Sweeps, single stages and expectations, run with the real miniature models as processes of their own."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]
SPEC = """cord 1
experiment e { seed = 3 }
problems p : inventory { count = 4 }
model adder : mini { name = adder }
model multiplier : mini { name = multiplier }
model prover : mini { name = prover }
pool both { teachers = [adder, multiplier], temperature = 0.6 }
segmenter steps : step_header { max_step = 64tok }
scorer pp : predictive_perplexity { prover = prover }
search beam2 : beam { size = 2 }
search greedy like beam2 { size = 1 }
decode traces {
  problems = p, pool = both, segmenter = steps, scorer = pp, search = beam2
  budget = { thinking = 256tok, answer = 64tok }
}
eval alone : math_answers { model = adder, problems = p, samples = 2, max_tokens = 256tok%s }
"""
SWEEP = "sweep s { vary = { traces.search = [greedy, beam2] }, repeat = { e.seed = [3, 4] } }\n"


def events(done: subprocess.CompletedProcess[str]) -> list[dict[str, object]]:
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_sweep_is_run_in_one_directory_and_what_variants_share_is_made_once(cordspec: Run, tmp_path: Path) -> None:
    (tmp_path / "t.cord").write_text(SPEC % "" + SWEEP)
    told = events(cordspec("run", "t.cord", "--display", "json"))
    started = [one["variant"]["name"] for one in told if one["event"] == "RunStarted"]  # type: ignore[index]
    assert started == [
        "base (e.seed=3)",
        "base (e.seed=4)",
        "traces.search=greedy (e.seed=3)",
        "traces.search=greedy (e.seed=4)",
    ]
    made = [one["stage"]["fingerprint"] for one in told if one["event"] == "StageFinished" and not one["reused"]]  # type: ignore[index]
    assert len(made) == len(set(made)) == 1 + 4 + 2  # problems, a decode a variant and seed, an evaluation a seed
    report = json.loads((tmp_path / "runs" / "e" / "report.json").read_text())
    assert [one["group"] for one in report["variants"]] == [
        "base",
        "base",
        "traces.search=greedy",
        "traces.search=greedy",
    ]
    assert report["variants"][2]["settings"] == {"traces.search": "greedy", "e.seed": "3"}
    assert [one["first"] for one in report["comparisons"]] == ["traces [traces.search=greedy]"]
    text = (tmp_path / "runs" / "e" / "report.md").read_text()
    assert "| traces.search=greedy | beam | 4 | 2 |" in text

    plan = json.loads(cordspec("plan", "t.cord", "--format", "json").stdout)
    assert all(stage["made"] for variant in plan["variants"] for stage in variant["stages"])
    changed = cordspec("plan", "t.cord", "--set", "both.temperature=0.3")
    assert "changed: both.temperature is 0.3, was 0.6" in changed.stdout

    again = events(cordspec("run", "t.cord", "--display", "json"))
    assert all(one["reused"] for one in again if one["event"] == "StageFinished")


def test_a_sweep_without_repetitions_is_reported_and_gives_way_to_a_run_without_one(
    cordspec: Run, tmp_path: Path
) -> None:
    sweep = "sweep s { vary = { traces.search = [greedy] } }\n"
    (tmp_path / "t.cord").write_text(SPEC % "" + sweep)
    events(cordspec("run", "t.cord", "--only", "traces", "--variant", "traces.search=greedy", "--display", "json"))
    events(cordspec("run", "t.cord", "--only", "traces", "--display", "json"))
    report = json.loads((tmp_path / "runs" / "e" / "report.json").read_text())
    assert [one["name"] for one in report["variants"]] == ["base", "traces.search=greedy"]
    (tmp_path / "t.cord").write_text(SPEC % "")
    assert cordspec("run", "t.cord", "--only", "traces").returncode == 5, "a variant would be set aside"
    events(cordspec("run", "t.cord", "--only", "traces", "--apply", "--display", "json"))
    assert "variants" not in json.loads((tmp_path / "runs" / "e" / "report.json").read_text())
    assert cordspec("report", "runs/e").stdout.startswith("# cordspec report: e\n")


def test_one_variant_and_one_stage_can_be_run_alone(cordspec: Run, tmp_path: Path) -> None:
    (tmp_path / "t.cord").write_text(SPEC % "" + SWEEP)
    told = events(
        cordspec("run", "t.cord", "--variant", "traces.search=greedy", "--only", "traces", "--display", "json")
    )
    assert [one["variant"]["total"] for one in told if one["event"] == "RunStarted"] == [2, 2]  # type: ignore[index]
    kinds = {one["stage"]["kind"] for one in told if one["event"] == "StageFinished"}  # type: ignore[index]
    assert kinds == {"problems", "decode"}


@pytest.mark.parametrize(
    ("arguments", "code", "help"),
    [(["--only", "nowhere"], "E115", "its stages are p, traces, alone"), (["--variant", "x=1"], "E116", "it has base")],
)
def test_a_stage_or_variant_that_is_not_there_is_named(
    cordspec: Run, tmp_path: Path, arguments: list[str], code: str, help: str
) -> None:
    (tmp_path / "t.cord").write_text(SPEC % "")
    done = cordspec("run", "t.cord", *arguments)
    assert done.returncode == 2 and f"error[{code}]" in done.stderr and help in done.stderr


@pytest.mark.parametrize(("expect", "code"), [("0%..100%", 0), ("99%..100%", 8)])
def test_an_expectation_is_an_exit_code(cordspec: Run, tmp_path: Path, expect: str, code: int) -> None:
    (tmp_path / "t.cord").write_text(SPEC % f", expect = {{ pass_at_1 = {expect} }}")
    done = cordspec("run", "t.cord", "--only", "alone")
    assert done.returncode == code, done.stderr
    assert ("error[E801]" in done.stderr) == (code == 8)
    assert "(n = 4)" in done.stderr or code == 0
    report = json.loads((tmp_path / "runs" / "e" / "report.json").read_text())
    assert [one["holds"] for one in report["expectations"]] == [code == 0]
    assert "| alone | pass_at_1 |" in (tmp_path / "runs" / "e" / "report.md").read_text()


def test_an_expectation_is_no_part_of_what_is_made(cordspec: Run, tmp_path: Path) -> None:
    (tmp_path / "t.cord").write_text(SPEC % "")
    events(cordspec("run", "t.cord", "--only", "alone", "--display", "json"))
    (tmp_path / "t.cord").write_text(SPEC % ", expect = { pass_at_1 = 0%..100% }")
    told = events(cordspec("run", "t.cord", "--only", "alone", "--display", "json"))
    assert all(one["reused"] for one in told if one["event"] == "StageFinished")


def test_a_plan_of_calls_and_tokens_bounds_what_the_run_counts(cordspec: Run, tmp_path: Path) -> None:
    """With the run's own step count and length assumed, the plan is the run's ledger to within a third."""
    (tmp_path / "t.cord").write_text(SPEC % "")
    events(cordspec("run", "t.cord", "--only", "traces", "--display", "json"))
    report = json.loads((tmp_path / "runs" / "e" / "report.json").read_text())
    costs = report["traces"]["traces"]["costs"]
    traces = next((tmp_path / "runs" / "e" / "stages").glob("decode-traces-*")) / "traces.jsonl"
    rows = [json.loads(line) for line in traces.read_text().splitlines()]
    steps = round(sum(len(row["steps"]) for row in rows) / len(rows))
    length = round(
        sum(step["tokens"] for row in rows for step in row["steps"]) / sum(len(row["steps"]) for row in rows)
    )
    assume = ["--assume", f"steps={steps}", "--assume", f"step_tokens={length}", "--assume", "reference_tokens=7"]
    plan = json.loads(cordspec("plan", "t.cord", *assume, "--format", "json").stdout)
    efforts = plan["variants"][0]["stages"][1]["efforts"]
    planned = sum(one["generated"] for one in efforts if one["role"] == "teacher")
    assert planned == pytest.approx(costs["teacher"]["generated_tokens"], rel=0.35)
    calls = sum(one["calls"] for one in efforts if one["role"] == "scorer")
    assert calls == pytest.approx(costs["prover"]["calls"], rel=0.35)
