"""Real vLLM on a CPU with a real pretrained model: started as a server, and in a process that has it (`make engines`)."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from cordspec import api
from cordspec.artifacts.manifest import read_manifest
from cordspec.plugin import GenerateRequest, Sampling, ScoreRequest, Unavailable, forced_answer_prompt
from cordspec.testing import Outcome, Subject, run
from cordspec.testing.scores import scores_agree
from cordspec_hf.transformers_model import TransformersModel, TransformersModelOptions
from cordspec_serving.backend import Span
from cordspec_vllm.http_backend import HttpBackend
from cordspec_vllm.models import FLAGS, PYTHON, VllmModel, VllmOptions
from tests.real.plain import PlainTransformers

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[2]
SMOLLM2 = ROOT / ".models" / "smollm2"
VLLM = ROOT / ".venv-vllm" / "bin" / "python"
ON_A_CPU = {
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "0-1",
    "HF_HUB_OFFLINE": "1",
    FLAGS: "--block-size 32",  # GPUs have blocks of 16; the CPU's own of 128 cost a small model more than the rest
}
IM_END = "<|im_end|>"
TRIPLES = 200


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ({PYTHON: str(VLLM)} | ON_A_CPU).items():
        monkeypatch.setenv(name, value)


def served() -> VllmModel:
    return VllmModel(VllmOptions(weights=str(SMOLLM2), gpus=0, dtype="float32", context=1_024))


def servers() -> list[str]:
    """The command lines of vLLM servers that run."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if "vllm.entrypoints" in line and "keeper" not in line:
            found.append(line)
    return found


async def computed_by(backend: HttpBackend) -> float:
    """Prompt tokens that a server has computed, by its own metrics."""
    metrics = await backend._connection.get("/metrics")
    return sum(
        float(line.split()[-1])
        for line in metrics.splitlines()
        if line.startswith("vllm:prompt_tokens_by_source_total") and 'source="local_compute"' in line
    )


def failures(outcomes: list[Outcome]) -> list[Outcome]:
    return [one for one in outcomes if not one.passed]


@pytest.fixture(scope="module")
def oracle() -> PlainTransformers:
    return PlainTransformers(SMOLLM2)


def test_a_started_server_conforms_and_reuses_and_a_wrong_offset_is_found(oracle: PlainTransformers) -> None:
    """All over one server: starting one takes half a minute."""

    async def main() -> tuple[list[Outcome], Outcome, dict]:
        engine = served().open()
        try:
            await engine.generate([GenerateRequest(engine.opening("1 + 1?"), Sampling(0.0), (), 1, 0)])
            (replica,) = engine._replicas.all
            computed, own = await computed_by(replica.backend), engine.counters.prefilled
            outcomes = await run(Subject(engine, oracle, triples=TRIPLES, special=IM_END))
            before = engine.counters
            counted = (await computed_by(replica.backend) - computed, before.prefilled - own)
            with pytest.MonkeyPatch.context() as patch:
                right = HttpBackend.next_tokens
                patch.setattr(
                    HttpBackend, "next_tokens",
                    lambda self, span, **how: right(self, Span(span.ids, span.first - 1, span.last - 1), **how),
                )  # fmt: skip
                (wrong,) = await run(Subject(engine, oracle, triples=16, special=IM_END), (scores_agree,))
            cut = asyncio.ensure_future(
                engine.score([ScoreRequest(forced_answer_prompt(engine.opening("2 + 2?"), ""), "4", ".")] * 40)
            )
            await asyncio.sleep(0.05)
            os.killpg(replica.backend._server._process.pid, signal.SIGKILL)
            with pytest.raises(Unavailable):
                await cut
            return outcomes, wrong, {"counted": counted, "reused": before.reused, "traits": engine.traits}
        finally:
            await engine.close()

    outcomes, wrong, seen = asyncio.run(main())
    print(*outcomes, seen, sep="\n")
    assert not failures(outcomes)
    assert not wrong.passed, "a wrong offset was not seen"
    assert seen["traits"].scoring == "next tokens" and seen["traits"].block == 32
    by_server, by_us = seen["counted"]
    assert by_us == pytest.approx(by_server, rel=0.1), "prompt tokens that were computed, by vLLM's metrics and by us"
    assert seen["reused"] > by_us, "most prompt tokens came from held states"
    assert not servers()


def test_vllm_in_process_conforms_and_its_bugs_are_found() -> None:
    """In an environment of its own, which has vLLM and no pytest."""
    environment = os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'plugins'}"}
    command = [str(VLLM), "-m", "tests.real.conform", str(SMOLLM2), str(TRIPLES)]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        cwd=ROOT,
        start_new_session=True,
    )
    try:
        output, errors = process.communicate(timeout=880)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # vLLM's workers outlive a process that is killed
    lines = [line for line in output.splitlines() if line.startswith("OUTCOMES ")]
    assert lines, errors[-2_000:]
    told = json.loads(lines[0].removeprefix("OUTCOMES "))
    outcomes = {name: [Outcome(**one) for one in found] for name, found in told.items()}
    print(*(f"{name}: {one}" for name, found in outcomes.items() for one in found), sep="\n")
    assert not failures(outcomes[""])
    assert json.loads(outcomes["traits"][0].said)["scoring"] == "held prompt"
    assert all(failures(outcomes[bug]) for bug in ("guard", "offset", "stale")), "a known mistake was not seen"


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield tmp_path_factory.mktemp("smollm2")


@pytest.mark.parametrize("spec", ["smollm2", "smollm2_vllm"])
def test_the_spec_of_the_real_model_runs_on_both_engines(spec: str, finished: Path) -> None:
    out = finished / spec
    command = [sys.executable, "-m", "cordspec", "run", f"specs/{spec}.cord", "--display", "plain", "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=540, check=False)
    assert done.returncode == 0, done.stderr
    used = json.loads(next(out.glob("stages/decode-*/engines.json")).read_text())
    (engine,) = used["engines"].values()
    assert engine["engine"]["scoring"] == {"smollm2": "cached states", "smollm2_vllm": "next tokens"}[spec]
    traces = [json.loads(line) for line in next(out.glob("stages/decode-*/traces.jsonl")).open()]
    assert len(traces) == 4 and all(len(trace["steps"]) >= 1 for trace in traces)
    block, bridge = engine["engine"]["block"], 8
    events = [json.loads(line) for line in next(out.glob("stages/decode-*/events.jsonl")).open()]
    deep = {(one["problem"], one["number"]) for one in events if one["type"] == "expanded" and one["depth"]}
    going_on = [one for one in events if one["type"] == "proposed" and (one["problem"], one["number"]) in deep]
    again = [call["prefilled"] for one in going_on for call in one["calls"]]
    assert len(again) > 10
    assert max(again) <= block + bridge, "a continuation computes a block of its prefix again at most"
    assert not servers(), "the server ends with the run"


def test_a_server_ends_with_a_run_that_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "cordspec", "run", "specs/smollm2_vllm.cord", "--display", "plain"]
    process = subprocess.Popen([*command, "--out", str(tmp_path / "run")], cwd=ROOT, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not servers() and time.monotonic() < deadline:
        time.sleep(0.2)
    assert servers(), "no server was started"
    process.send_signal(signal.SIGKILL)
    process.wait()
    deadline = time.monotonic() + 30
    while servers() and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not servers(), "the server outlived its run"


def test_the_embedded_engine_conforms_with_the_same_model(oracle: PlainTransformers) -> None:
    """What vLLM is held to above, on transformers in this process."""
    model = TransformersModel(TransformersModelOptions(weights=str(SMOLLM2), dtype="float32", device="cpu"))

    async def main() -> list[Outcome]:
        engine = model.open()
        try:
            return await run(Subject(engine, oracle, triples=TRIPLES, special=IM_END))
        finally:
            await engine.close()

    found = asyncio.run(main())
    print(*found, sep="\n")
    assert not failures(found)


@pytest.mark.timeout(1500)
def test_the_main_experiment_runs_in_small_with_every_part_of_it(tmp_path: Path) -> None:
    """vLLM servers, a search with predictive perplexity, a ZeRO-3 student on two processes, evaluations with their grader. It
    stands here since servers of other tests beside its own would need more memory than there is.
    """
    out = tmp_path / "run"
    command = [sys.executable, "-m", "cordspec", "run", "specs/hetero_beam4_small.cord", "--out", str(out)]
    done = subprocess.run(
        [*command, "--display", "plain"], capture_output=True, text=True, cwd=ROOT, env=dict(os.environ),
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:] + done.stdout[-3000:]
    assert "far too small for any number in this report to mean anything" in " ".join(done.stdout.split())

    manifest = read_manifest(out)
    assert [stage.kind for stage in manifest.stages].count("evaluate") == 2
    assert manifest.problems["traces"].done == 4 and manifest.problems["traces"].adds_up
    stages = {stage.block: out / "stages" / stage.id for stage in manifest.stages}
    engines = json.loads((stages["traces"] / "engines.json").read_text())["engines"]
    assert {one["engine"]["engine"].split()[0] for one in engines.values()} == {"vllm"}
    config = json.loads((stages["r1_32b"] / "deepspeed.json").read_text())
    assert config["zero_optimization"]["stage"] == 3
    assert {"model.safetensors", "config.json"} <= {path.name for path in (stages["r1_32b"] / "model").iterdir()}
    for name in ("aime24", "aime25"):
        record = json.loads((stages[name] / "evaluation.json").read_text())
        assert record["checked_by"].startswith("math_verify") and sum(record["answers"]["outcomes"].values()) == 8

    whole = api.load(ROOT / "specs" / "hetero_beam4.cord")
    small = api.load(ROOT / "specs" / "hetero_beam4_small.cord")
    for block in whole.used().values():
        if block.kind != "problems":
            assert small.blocks[block.name].component is block.component, f"another method in `{block.name}`"
