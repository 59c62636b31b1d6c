"""Training with DeepSpeed's ZeRO-3 by two processes: whole, killed and resumed, and beside one process."""

from __future__ import annotations

import json
import math
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from cordspec.plugin import Failed, Ref, Solution, TrainingExample, TrainingJob, TrainingOutcome
from cordspec_hf.transformers_model import TransformersModel, TransformersModelOptions
from cordspec_mini.models import CHECKPOINTS
from cordspec_train import launching
from cordspec_train.deepspeed_sft import DeepSpeedSft, DeepSpeedSftOptions
from cordspec_train.sft import Sft, SftOptions
from tests.slow.bending import bend
from tests.uneven import UNEVEN

pytestmark = pytest.mark.slow
HERE = Path(__file__).parent
SPEC = HERE.parents[1] / "specs" / "miniature" / "zero3.cord"
SMOLLM2 = HERE.parents[1] / ".models" / "smollm2"
Cordspec = Callable[..., subprocess.CompletedProcess[str]]


def runs(directory: Path, bent: str = "", *more: str) -> subprocess.CompletedProcess[str]:
    program = [str(HERE / "bent_run.py")] if bent else ["-m", "cordspec"]
    command = [sys.executable, *program, "run", str(SPEC), "--out", str(directory), "--display", "plain", *more]
    environment = {**os.environ, "BENT": bent}
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=400, check=False)


def progress(directory: Path) -> list[tuple[int, float, list[int]]]:
    """Step, loss and examples of every optimiser step that the finished training is made of."""
    text = next(directory.glob("stages/train-small-*/progress.jsonl")).read_text()
    return [(one["step"], one["loss"], one["examples"]) for one in map(json.loads, text.splitlines()) if "step" in one]


def checkpoints(directory: Path) -> dict[str, bool]:
    """Those that are there, and whether they are committed."""
    found = directory.glob("checkpoints/train-small-*/checkpoint-*")
    return {path.name: (path / "COMMIT.json").is_file() for path in found}


def no_worker_is_left(directory: Path) -> bool:
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    return not any("assignment.json" in line and str(directory) in line for line in listed.splitlines())


def wait_for(what: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.2)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run of the spec from beginning to end."""
    directory = tmp_path_factory.mktemp("zero3") / "whole"
    done = runs(directory)
    assert done.returncode == 0, done.stderr
    return directory


def test_the_student_is_plain_and_the_run_says_what_was_done(whole: Path) -> None:
    stage = next(whole.glob("stages/train-small-*"))
    assert not (whole / "checkpoints").exists()
    kept = {path.name for path in stage.iterdir()}
    assert {"model", "training.json", "audit.json", "deepspeed.json", "progress.jsonl", "training.log"} <= kept
    assert json.loads((stage / "deepspeed.json").read_text())["zero_optimization"]["stage"] == 3
    outcome = json.loads((stage / "training.json").read_text())
    assert len(outcome["losses"]) >= 20 and outcome["losses"][-1] < outcome["losses"][0] / 2
    model = AutoModelForCausalLM.from_pretrained(stage / "model")
    base = AutoModelForCausalLM.from_pretrained(CHECKPOINTS / "base")
    ours, theirs = model.state_dict(), base.state_dict()
    assert {name: tensor.shape for name, tensor in ours.items()} == {name: one.shape for name, one in theirs.items()}
    assert any(not torch.equal(ours[name], theirs[name]) for name in ours)
    assert AutoTokenizer.from_pretrained(stage / "model")("7 + 5")["input_ids"]
    engine = TransformersModel(TransformersModelOptions(weights=str(stage / "model"))).open()
    assert engine.count_tokens("7 + 5") > 0
    assert {path.suffix for path in (stage / "model").iterdir()} == {".safetensors", ".json", ".jinja"}
    metrics = json.loads(next(whole.glob("stages/evaluate-after-*/metrics.json")).read_text())
    assert metrics, "the student was evaluated on cordspec's engine"


def test_a_killed_training_goes_on_as_if_it_had_not_been_killed(whole: Path, tmp_path: Path) -> None:
    run = tmp_path / "killed"
    shutil.copytree(whole, run)
    for made in [*run.glob("stages/train-*"), *run.glob("stages/evaluate-after-*")]:
        shutil.rmtree(made)

    killed = runs(run, "save:12:SELF")
    assert killed.returncode == -9
    wait_for(lambda: no_worker_is_left(run))
    assert checkpoints(run) == {"checkpoint-6": True, "checkpoint-12": False}
    half = next(run.glob("checkpoints/*/checkpoint-12"))
    assert (half / "latest").read_text() == "global_step12", "DeepSpeed takes it for a checkpoint"

    refused = runs(run, "", "--set", "small.ranks=1")
    assert refused.returncode == 3 and "E805" in refused.stderr and "processes 2" in refused.stderr

    killed = runs(run, "step:15:SELF")
    assert killed.returncode == -9
    wait_for(lambda: no_worker_is_left(run))
    assert checkpoints(run) == {"checkpoint-6": True, "checkpoint-12": True}

    done = runs(run)
    assert done.returncode == 0, done.stderr
    assert not (run / "checkpoints").exists()
    assert progress(run) == progress(whole)
    weights = [next(one.glob("stages/train-small-*/model/model.safetensors")).read_bytes() for one in (run, whole)]
    assert weights[0] == weights[1]
    losses = [json.loads(next(one.glob("stages/train-small-*/training.json")).read_text()) for one in (run, whole)]
    assert losses[0] == losses[1]


COMMON = {"data": Ref("decode", "d"), "epochs": 5, "batch_size": 8, "lr": 1e-3}


def trained(trainer: type, options: object, base: Path, place: Path) -> TrainingOutcome:
    (place / "work").mkdir(parents=True)
    return trainer(options).train(TrainingJob(base, UNEVEN, place / "model", place / "work", 3, lambda _: None))


def two_processes(place: Path) -> TrainingOutcome:
    options = DeepSpeedSftOptions(init=Ref("model", "m"), ranks=2, micro_batch=2, precision="fp32", **COMMON)
    return trained(DeepSpeedSft, options, CHECKPOINTS / "base", place)


def test_one_process_and_two_have_the_same_losses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def agree(one: TrainingOutcome, two: TrainingOutcome) -> None:
        assert len(one.losses) == len(two.losses) == 20
        assert all(math.isclose(a, b, rel_tol=1e-3) for a, b in zip(one.losses, two.losses, strict=True))
        assert (one.tokens, one.examples) == (two.tokens, two.examples)

    options = SftOptions(init=Ref("model", "m"), **COMMON)
    alone = trained(Sft, options, CHECKPOINTS / "base", tmp_path / "alone")
    agree(alone, two_processes(tmp_path / "two"))
    bend(monkeypatch, "mean:0:0")
    with pytest.raises(AssertionError):
        agree(alone, two_processes(tmp_path / "mean"))


def test_two_nodes_meet_and_have_the_losses_of_one_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both on this machine; the second is begun as its operator would, with the first one's directory before it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv(launching.RENDEZVOUS, f"127.0.0.1:{free.getsockname()[1]}")
    common = {**COMMON, "epochs": 1}
    options = DeepSpeedSftOptions(init=Ref("model", "m"), nodes=2, ranks=1, precision="fp32", **common)
    with ThreadPoolExecutor(1) as first:
        done = first.submit(trained, DeepSpeedSft, options, CHECKPOINTS / "base", tmp_path / "two")
        wait_for((tmp_path / "two" / "work" / "assignment.json").is_file)
        second = [sys.executable, "-m", "cordspec_train.launching", str(tmp_path / "two" / "work")]
        ended = subprocess.run(second, capture_output=True, text=True, timeout=300, check=False)
        outcome = done.result(300)
    assert ended.returncode == 0, ended.stderr[-2_000:]
    alone = trained(Sft, SftOptions(init=Ref("model", "m"), **common), CHECKPOINTS / "base", tmp_path / "alone")
    assert len(outcome.losses) == 4
    assert all(math.isclose(a, b, rel_tol=1e-3) for a, b in zip(outcome.losses, alone.losses, strict=True))


def test_adapters_are_trained_by_two_processes_and_merged(tmp_path: Path) -> None:
    common = {**COMMON, "epochs": 1, "lora_rank": 4}
    options = DeepSpeedSftOptions(init=Ref("model", "m"), ranks=2, micro_batch=4, precision="fp32", **common)
    two = trained(DeepSpeedSft, options, CHECKPOINTS / "base", tmp_path / "two")
    alone = trained(Sft, SftOptions(init=Ref("model", "m"), **common), CHECKPOINTS / "base", tmp_path / "alone")
    assert all(math.isclose(a, b, rel_tol=1e-3) for a, b in zip(two.losses, alone.losses, strict=True))
    ours, theirs = (
        AutoModelForCausalLM.from_pretrained(tmp_path / place / "model").state_dict() for place in ("two", "alone")
    )
    assert ours.keys() == theirs.keys()
    assert all(torch.allclose(ours[name], theirs[name], atol=1e-4) for name in ours)


def test_a_process_that_fails_is_told_with_its_last_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bend(monkeypatch, "fail:0:0")
    with pytest.raises(Failed, match="out of luck on the second process") as caught:
        two_processes(tmp_path)
    assert caught.value.code == "E802" and "training.log" in caught.value.help
    assert no_worker_is_left(tmp_path)


def test_a_loss_that_is_no_number_ends_all_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bend(monkeypatch, "nan:2:0")
    with pytest.raises(Failed, match=r"not a number after 3 steps; no checkpoint had been written") as caught:
        two_processes(tmp_path)
    assert caught.value.code == "E803" and no_worker_is_left(tmp_path)


@pytest.mark.skipif(not SMOLLM2.is_dir(), reason="`make engines` makes the model")
def test_a_pretrained_model_takes_real_steps_on_long_traces(tmp_path: Path) -> None:
    long = [
        TrainingExample(
            f"What is {n} + {n}?",
            Solution(
                "".join(f"\n### Step {k + 1}. {n} + {k} = {n + k}." for k in range(62)),
                f"\n\nThe final answer is {2 * n}.",
            ),
        )
        for n in [12] * 6  # the same one, so that each step must make the next loss smaller
    ]
    options = DeepSpeedSftOptions(
        init=Ref("model", "m"),
        data=Ref("decode", "d"),
        ranks=2,
        micro_batch=1,
        batch_size=2,
        epochs=1,
        lr=1e-4,
        max_length=1_024,
        too_long="truncate",
        checkpoint_every=100,
        activation_checkpointing=False,
    )
    (tmp_path / "work").mkdir()
    job = TrainingJob(SMOLLM2, long, tmp_path / "model", tmp_path / "work", 3, lambda _: None)
    outcome = DeepSpeedSft(options).train(job)
    audit = json.loads((job.records / "audit.json").read_text())
    assert len(outcome.losses) == 3 and sorted(outcome.losses, reverse=True) == list(outcome.losses)
    assert audit["longest"] >= 1_000 and outcome.tokens >= 6 * 980
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "model")
    assert sum(one.numel() for one in model.parameters()) > 130e6 and model.dtype == torch.bfloat16
