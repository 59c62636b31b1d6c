"""Replays of a real run: exact under its own settings, and honest about how far they go under others."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from cordspec import api
from cordspec.artifacts.replays import Replay
from cordspec.errors import SpecError, UsageError
from cordspec_hf.engine import TransformersEngine
from tests.journals import count_answers
from tests.real.test_runs import DECODES

ARMS = (
    DECODES.replace("count = 6", "count = 4")
    + """
search tree : mcts { iterations = 3 }
decode by_tree like traces { search = tree }
scorer judge : binary_judge { judge = prover, runs = 3, time_is_up = "", cue = "\\n\\nThe final answer is" }
decode judged like traces { scorer = judge }
"""
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    there = tmp_path_factory.mktemp("replay")
    (there / "small.cord").write_text(ARMS)
    return api.execute(api.load(there / "small.cord"), there / "run")


def only(replays: list[Replay]) -> Replay:
    (found,) = replays
    return found


def test_a_replay_under_its_own_settings_is_the_run(run: Path) -> None:
    before = count_answers(run)
    for replay in api.replay(run):
        assert [one.trace for one in replay.problems] == [one.before for one in replay.problems]
        assert all(one.reach == "complete" and one.same for one in replay.problems)
        assert replay.scored == replay.generated == 0
    assert count_answers(run) == before


def test_a_smaller_beam_is_decided_without_a_token(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(*_: object) -> None:
        raise AssertionError("a teacher was asked")

    monkeypatch.setattr(TransformersEngine, "generate", never)
    replay = only(api.replay(run, ["beam3.size=1"], decodes=["traces"]))
    reached = [one.reach for one in replay.problems]
    assert "complete" in reached and replay.scored == 0
    narrow = [one.trace for one in replay.problems if one.trace is not None]
    assert all(len(trace.steps) >= 3 for trace in narrow)
    assert sum(trace.generated for trace in narrow) < sum(one.before.generated for one in replay.problems)


def test_a_replay_agrees_with_a_fresh_run_of_the_same_settings(run: Path, tmp_path: Path) -> None:
    (tmp_path / "small.cord").write_text(ARMS)
    fresh = api.execute(api.load(tmp_path / "small.cord", ["beam3.size=1"]), tmp_path / "run", only=["traces"])
    wanted = {one.before.problem: one.before for one in only(api.replay(fresh)).problems}
    replay = only(api.replay(run, ["beam3.size=1"], decodes=["traces"]))
    assert any(one.trace for one in replay.problems)
    for one in replay.problems:
        if one.trace is not None:
            assert one.trace == wanted[one.before.problem]


def test_another_scorer_is_computed_and_counted(run: Path) -> None:
    replay = only(api.replay(run, ["pp.prover=adder"], decodes=["traces"]))
    assert replay.scored > 0 and replay.generated == 0
    assert all(one.reach in ("complete", "unanswered", "stopped") for one in replay.problems)
    assert only(api.replay(run, ["pp.prover=adder"], decodes=["traces"])).scored == 0  # it is stored now


def test_a_wider_beam_stops_where_nobody_proposed(run: Path) -> None:
    replay = only(api.replay(run, ["beam3.size=9"], decodes=["traces"]))
    stopped = [one for one in replay.problems if one.reach == "stopped"]
    assert stopped and all(1 <= one.waves < one.before.waves and one.trace is None for one in stopped)
    shown = api.render_replay([replay])
    assert f"| traces | 4 | {4 - len(stopped)} |" in shown.to_markdown()
    assert "first wave that needs new proposals" in shown.to_markdown()


def test_a_replay_has_the_problems_and_the_texts_of_its_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Data and imported files may be gone or changed; and a student that was trained in the run guides the replay too."""
    monkeypatch.chdir(tmp_path)
    rows = [
        {"question": f"Shelf A has {n} cups and gains 4. How many items are on each shelf?", "answer": f"A {n + 4}"}
        for n in (5, 6)
    ]
    Path("shelves.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    Path("parts").mkdir()
    Path("parts/models.cord").write_text(
        "cord 1\nmodel adder : mini { name = adder }\nmodel prover : mini { name = prover }\n"
    )
    Path("small.cord").write_text("""cord 1
import "parts/models.cord" as m
experiment small { seed = 5 }
problems shelves : jsonl { path = "shelves.jsonl" }
problems lessons : mini_lessons { inventory = 8, chains = 0, seed = 1 }
pool one { teachers = [m.adder], temperature = 0.8 }
segmenter steps : step_header { max_step = 48tok }
student light : sft { init = m.adder, data = lessons, epochs = 1 }
scorer pp : predictive_perplexity { prover = light, reference = m.prover }
search beam2 : beam { size = 2, samples = 2 }
decode traces {
  problems = shelves, pool = one, segmenter = steps, scorer = pp, search = beam2
  budget = { thinking = 100tok, answer = 48tok }
}
""")
    run = api.execute(api.load(Path("small.cord")), tmp_path / "run")
    shutil.rmtree("parts")
    Path("shelves.jsonl").write_text(json.dumps({"question": "What else?", "answer": "7"}) + "\n")
    replay = only(api.replay(run))
    assert len(replay.problems) == 2 and [one.trace for one in replay.problems] == [
        one.before for one in replay.problems
    ]
    with pytest.raises(SpecError) as wrong:
        api.replay(run, ["traces.search=nothing"])
    assert "small.cord" in str(wrong.value) or "--set" in str(wrong.value)


def test_a_replay_needs_no_spec_file_and_names_what_is_not_there(run: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(run, tmp_path / "elsewhere")
    shutil.rmtree(tmp_path / "small.cord", ignore_errors=True)
    assert only(api.replay(copy, decodes=["by_tree"])).problems[0].same
    with pytest.raises(UsageError, match="no finished decode named `nothing`"):
        api.replay(copy, decodes=["nothing"])
    with pytest.raises(SpecError, match="E102"):
        api.replay(copy, ["traces.search=nothing"])


def test_the_traces_of_a_replay_can_be_written(run: Path, tmp_path: Path) -> None:
    replays = api.replay(run, decodes=["judged"])
    api.write_replayed_traces(tmp_path / "out", replays)
    lines = (tmp_path / "out" / "judged.jsonl").read_text().splitlines()
    assert [json.loads(line)["problem"] for line in lines] == [one.before.problem for one in replays[0].problems]
