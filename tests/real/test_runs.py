"""Whole runs with the real miniature: they repeat byte for byte, survive kill -9, ask nothing twice, leak nothing."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from cordspec import api
from cordspec.domain.problem import Problem, ProblemView
from cordspec.errors import CordspecError
from cordspec.plugin import GenerateRequest, ScoreRequest
from cordspec_hf.engine import TransformersEngine
from tests.journals import count_answers

DECODES = """cord 1
experiment small { seed = 5, in_flight = 8 }
problems p : inventory { count = 6, seed = 3, length = 3..4 }
model adder      : mini { name = adder }
model subtracter : mini { name = subtracter }
model multiplier : mini { name = multiplier }
model prover     : mini { name = prover }
pool hetero { teachers = [adder, subtracter, multiplier], temperature = 0.8 }
segmenter steps : step_header { max_step = 48tok }
scorer pp : predictive_perplexity { prover = prover }
search beam3 : beam { size = 3 }
search best : curation { match_tokens = traces }
decode traces {
  problems = p, pool = hetero, segmenter = steps, scorer = pp, search = beam3
  budget = { thinking = 300tok, answer = 48tok }
}
decode curated like traces { search = best }
"""
DETERMINED = ("traces.jsonl", "candidates.jsonl", "dataset.jsonl")


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "small.cord"
    path.write_text(DECODES)
    return path


def texts(run: Path) -> dict[str, bytes]:
    """All files of a run that must repeat, by block and name."""
    stages = {path.name.rsplit("-", 1)[0]: path for path in (run / "stages").iterdir()}
    return {
        f"{block}/{name}": (path / name).read_bytes()
        for block, path in stages.items()
        for name in DETERMINED
        if (path / name).exists()
    }


def test_a_run_repeats_byte_for_byte(
    spec: Path, cordspec: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    """Other concurrency, so other batches; other hash seed; other number of threads."""
    variants = [
        ([], {"PYTHONHASHSEED": "1", "OMP_NUM_THREADS": "1"}),
        (["--set", "small.in_flight=1"], {"PYTHONHASHSEED": "77", "OMP_NUM_THREADS": "2"}),
        (["--set", "small.in_flight=3"], {"PYTHONHASHSEED": "123", "OMP_NUM_THREADS": "1"}),
    ]
    found = []
    for number, (more, environment) in enumerate(variants):
        done = cordspec("run", str(spec), "--out", f"run{number}", *more, **environment)
        assert done.returncode == 0, done.stderr
        found.append(texts(tmp_path / f"run{number}"))
    assert len(found[0]) == 6 and all(found[0].values())
    assert found[0] == found[1] == found[2]


def test_another_seed_gives_other_traces(spec: Path, tmp_path: Path) -> None:
    """The comparison above can fail."""
    runs = [api.execute(api.load(spec, [f"small.seed={seed}"]), tmp_path / f"s{seed}", limit=2) for seed in (5, 6)]
    assert texts(runs[0]) != texts(runs[1])


def test_a_killed_run_goes_on_and_asks_nothing_twice(spec: Path, tmp_path: Path) -> None:
    reference = api.execute(api.load(spec), tmp_path / "whole")
    out = tmp_path / "killed"
    command = [sys.executable, "-m", "cordspec", "run", str(spec), "--out", str(out), "--display", "plain"]
    kept = 0
    for journal_bytes in (200_000, 600_000):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        deadline = time.monotonic() + 120
        while process.poll() is None and _size(out / "run.db-wal") < journal_bytes and time.monotonic() < deadline:
            time.sleep(0.01)
        assert process.poll() is None, "it was over before it could be killed"
        process.send_signal(signal.SIGKILL)
        process.wait()
        after = count_answers(out)
        assert after >= kept, "an answer was lost"
        kept = after
    assert kept > 0
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert texts(out) == texts(reference)
    assert count_answers(out) == count_answers(reference), "something was asked that the whole run did not ask"
    ledger = json.loads(next((out / "stages").glob("decode-*-*/ledger.json")).read_text())
    assert sum(spend["remembered"] for spend in ledger.values()) > 0


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def test_a_second_run_makes_nothing_again(
    spec: Path, tmp_path: Path, cordspec: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    assert cordspec("run", str(spec), "--limit", "2").returncode == 0
    stamps = {path: path.stat().st_mtime_ns for path in (tmp_path / "runs" / "small" / "stages").rglob("*")}
    again = cordspec("run", str(spec), "--limit", "2", "--display", "plain")
    assert again.returncode == 0
    assert again.stdout.startswith("small: 3 stages, 3 finished already")
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "runs" / "small" / "stages").rglob("*")} == stamps
    changed = cordspec("run", str(spec), "--limit", "2", "--set", "beam3.size=2", "--apply", "--display", "plain")
    assert changed.stdout.startswith("small: 3 stages, 1 finished already")


SENTINEL = "GOLD⟦7f3a⟧"


def leaks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[int, int]:
    """How many requests to teachers and students hold the sentinel, and how many to the prover."""
    rows = [
        {"question": f"Tom has {n} pens, then gains 4. How many pens in the end?", "answer": SENTINEL} for n in (7, 9)
    ]
    (tmp_path / "p.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    text = DECODES.replace("inventory { count = 6, seed = 3, length = 3..4 }", 'jsonl { path = "p.jsonl" }')
    text += "eval alone : math_answers { model = adder, problems = p, samples = 1, max_tokens = 64tok }\n"
    (tmp_path / "leak.cord").write_text(text)
    generated: list[GenerateRequest] = []
    scored: list[ScoreRequest] = []
    original_generate, original_score = TransformersEngine.generate, TransformersEngine.score

    async def generate(self, requests):
        generated.extend(requests)
        return await original_generate(self, requests)

    async def score(self, requests):
        scored.extend(requests)
        return await original_score(self, requests)

    monkeypatch.setattr(TransformersEngine, "generate", generate)
    monkeypatch.setattr(TransformersEngine, "score", score)
    monkeypatch.chdir(tmp_path)
    api.execute(api.load(tmp_path / "leak.cord"), tmp_path / "run")
    assert len(generated) > 20
    return sum(SENTINEL in repr(request) for request in generated), sum(SENTINEL in repr(r) for r in scored)


@pytest.mark.item("S29")
def test_the_gold_answer_reaches_the_prover_and_nobody_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    to_writers, to_prover = leaks(tmp_path, monkeypatch)
    assert to_writers == 0
    assert to_prover > 0


@pytest.mark.item("S29")
def test_a_planted_leak_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        Problem, "view", property(lambda self: ProblemView(self.id, f"{self.question} ({self.answer})"))
    )
    assert leaks(tmp_path, monkeypatch)[0] > 0


def test_a_failing_component_is_named_and_what_was_finished_stays(
    spec: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(self, requests):
        raise RuntimeError("out of memory")

    with monkeypatch.context() as patch:
        patch.setattr(TransformersEngine, "score", broken)
        with pytest.raises(CordspecError) as caught:
            api.execute(api.load(spec), tmp_path / "run", limit=2)
    assert caught.value.exit_code == 4
    assert "scorer `pp`" in str(caught.value) and "out of memory" in str(caught.value)
    assert count_answers(tmp_path / "run") > 0
    api.execute(api.load(spec), tmp_path / "run", limit=2)


def test_an_interrupted_training_stops_at_its_next_step_and_leaves_no_litter(root: Path, tmp_path: Path) -> None:
    settings = ("--limit", "3", "--set", "small.epochs=1_000", "--out", str(tmp_path / "run"), "--display", "json")
    command = [sys.executable, "-m", "cordspec", "run", str(root / "specs" / "quickstart.cord"), *settings]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        event = json.loads(line)
        if event["event"] == "StageProgress" and event["stage"]["kind"] == "train":
            break
    process.send_signal(signal.SIGINT)
    begin = time.monotonic()
    _, told = process.communicate(timeout=120)
    assert process.returncode == 130 and "give the same command again" in told
    assert time.monotonic() - begin < 60
    stages = sorted(path.name.rsplit("-", 1)[0] for path in (tmp_path / "run" / "stages").iterdir())
    assert stages == ["decode-traces", "problems-held", "problems-train"]
