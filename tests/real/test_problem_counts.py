"""Every problem is accounted for: input = done + failed (by code) + quarantined + pending, whatever became of a run."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from cordspec import api
from cordspec.artifacts.manifest import ProblemCount
from cordspec.errors import IntegrityError, StageError
from cordspec.run.tally import Tally, check
from tests.real.test_stopping import SLOW, wait_for
from tests.real.toys import Toys


@pytest.fixture
def toys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Toys:
    made = Toys(tmp_path / "work", problems=5)
    monkeypatch.chdir(made.place)
    return made


def run(toys: Toys, *sets: str, apply: bool = False) -> dict[str, ProblemCount]:
    api.execute(toys.variants(*sets), toys.out, registry=toys.registry(), apply=apply)
    return counts(toys)


def counts(toys: Toys) -> dict[str, ProblemCount]:
    return {name: ProblemCount(**count) for name, count in toys.manifest["problems"].items()}  # type: ignore[attr-defined]


def test_a_finished_run_counts_all_as_done(toys: Toys) -> None:
    found = run(toys)
    assert found["traces"] == found["single"] == ProblemCount(5, 5, {}, 0, 0, 0)
    assert run(toys) == found, "also when its stages are reused"
    for path in (toys.out / "stages").glob("decode-*/outcomes.json"):
        path.unlink()
        receipt = json.loads((path.parent / "artifact.json").read_text())
        del receipt["files"]["outcomes.json"]
        (path.parent / "artifact.json").write_text(json.dumps(receipt))
    assert run(toys) == found, "also those of a run from before there were such counts"


def test_teachers_that_say_nothing_are_an_outcome_and_no_error(toys: Toys) -> None:
    toys.spec.write_text(toys.spec.read_text().replace('name = "b"', 'name = "silent"').replace("[a] }", "[b] }"))
    found = run(toys)
    assert found["traces"].done == 5
    assert found["single"] == ProblemCount(5, 0, {"stalled": 5}, 0, 0, 0)
    stage = next((toys.out / "stages").glob("decode-single-*"))
    assert set(json.loads((stage / "outcomes.json").read_text())["without_trace"].values()) == {"stalled"}
    rows = [json.loads(line) for line in (stage / "traces.jsonl").read_text().splitlines()]
    assert len(rows) == 5 and not any(row["steps"] for row in rows)
    assert (stage / "dataset.jsonl").read_text() == ""


def test_a_budget_that_closes_traces_is_counted_beside(toys: Toys) -> None:
    toys.spec.write_text(toys.spec.read_text().replace("thinking = 100tok", "thinking = 6tok"))
    found = run(toys)
    assert found["traces"] == ProblemCount(5, 5, {}, 0, 0, 5)


def test_one_failing_problem_ends_the_run_and_the_counts_say_what_the_others_are(toys: Toys) -> None:
    toys.spec.write_text(toys.spec.read_text().replace("in_flight = 4", "in_flight = 1"))
    broken = toys.spec.read_text().replace('name = "prover"', 'name = "broken"')
    sound = toys.spec.read_text()
    toys.spec.write_text(broken)
    with pytest.raises(StageError, match="it went away"):
        run(toys)
    found = counts(toys)
    assert all(count.adds_up and count.input == 5 for count in found.values())
    assert found["single"].pending == 5
    assert found["traces"].pending + found["traces"].done == 5
    toys.spec.write_text(sound)
    assert run(toys, apply=True)["traces"] == ProblemCount(5, 5, {}, 0, 0, 0)


def test_a_killed_run_claims_nothing(tmp_path: Path) -> None:
    toys = Toys(tmp_path / "work", problems=6)
    process = toys.start(*SLOW)
    wait_for(process, "StageProgress", "decode", done=2)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert toys.manifest["begun"]["block"] == "traces"  # type: ignore[index]
    assert counts(toys)["traces"] == ProblemCount(6, 0, {}, 0, 6), "what is in no stage yet is pending"


def test_a_problem_that_is_lost_or_counted_twice_is_found(toys: Toys, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two seeded bugs in the driver's bookkeeping: both end the run."""
    sound = Tally.ended

    def forgets(self: Tally, problem: str, outcome: str, **more: bool) -> None:
        if self.count().done < 2:
            sound(self, problem, outcome, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(Tally, "ended", forgets)
    with pytest.raises(IntegrityError, match="E720"):
        run(toys)

    def repeats(self: Tally, problem: str, outcome: str, **more: bool) -> None:
        sound(self, problem, outcome, **more)  # type: ignore[arg-type]
        sound(self, problem, outcome, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(Tally, "ended", repeats)
    with pytest.raises(IntegrityError, match="E720"):
        run(toys)
    monkeypatch.setattr(Tally, "ended", sound)
    assert run(toys)["traces"].done == 5


def test_a_finished_stage_of_other_problems_is_found(toys: Toys) -> None:
    run(toys)
    stage = next((toys.out / "stages").glob("decode-traces-*"))
    described = json.loads((stage / "outcomes.json").read_text())
    (stage / "outcomes.json").write_text(json.dumps({**described, "input": 4, "done": 4}))
    (stage / "artifact.json").write_text(json.dumps({"schema_version": 1, "files": {}}))
    with pytest.raises(IntegrityError, match="E720"):
        run(toys)


@pytest.mark.parametrize(
    "count",
    [
        ProblemCount(5, 4, {}, 0, 0), ProblemCount(5, 5, {"stalled": 1}, 0, 0), ProblemCount(5, 4, {}, 0, 1),
        ProblemCount(5, 4, {}, 2, 0),
    ],
)  # fmt: skip
def test_numbers_that_do_not_add_up_or_are_not_at_an_end_are_refused(count: ProblemCount) -> None:
    with pytest.raises(IntegrityError, match="E720"):
        check(count, "decode-x")
    check(ProblemCount(5, 2, {"stalled": 2}, 1, 0), "decode-x")


def test_an_export_of_an_unfinished_decode_has_to_be_asked_for_and_says_what_is_missing(tmp_path: Path) -> None:
    toys = Toys(tmp_path / "work", problems=6)
    process = toys.start(*SLOW, "--set", "t.in_flight=1")
    wait_for(process, "StageProgress", "decode", done=3)
    process.send_signal(signal.SIGTERM)
    process.communicate()
    refused = toys.call("export", "run", "--to", "data", "--keep", "all")
    there = counts(toys)["traces"].done
    assert 3 <= there < 6
    assert refused.returncode == 2
    assert f"error[E718]: decode `traces` is not finished: {there} of 6" in refused.stderr
    asked = toys.log.read_text().count("begin")
    done = toys.call("export", "run", "--to", "data", "--keep", "all", "--partial", TOY_LOG=str(toys.log))
    assert done.returncode == 0, done.stderr
    missing = 6 - there
    assert f"{there} messages" in done.stdout
    assert f"({missing} problems are missing: the decode is not finished)" in done.stdout
    assert toys.log.read_text().count("begin") == asked, "something was asked for an export"
    assert json.loads((toys.place / "data" / "export.json").read_text())["pending"] == missing
    assert f"{missing} of them are missing" in (toys.place / "data" / "README.md").read_text()
    whole = toys.run()
    assert whole.returncode == 0, whole.stderr
    assert (
        toys.call("export", "run", "--to", "data", "--keep", "all", "--partial", "--decode", "traces").returncode == 0
    )
    assert json.loads((toys.place / "data" / "export.json").read_text())["pending"] == 0
    first = (toys.place / "data" / "messages" / "train.jsonl").read_text().splitlines()
    assert len(first) == 6
