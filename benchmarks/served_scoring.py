"""Scoring on vLLM over a cached prefix against whole-prompt log-probabilities, in one run (`make bench`).

Eight candidates of 60 tokens over one prefix of 2,000 tokens that the engine holds, an answer of 10 tokens; SmolLM2-135M in
float32 on a CPU. Targets: in process at least 5 times faster, over HTTP with the portable route at least 3.5 times.
The part in process runs in the environment that has vLLM: `python benchmarks/served_scoring.py process`.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import statistics
import subprocess
import sys
import time
from pathlib import Path

from cordspec.plugin import Sampling
from cordspec_serving.backend import Backend, Drawing, Span
from cordspec_serving.scoring import ROUTES
from cordspec_vllm.models import PYTHON, VllmModel, VllmOptions

ROOT = Path(__file__).parents[1]
WEIGHTS, VLLM = ROOT / ".models" / "smollm2", ROOT / ".venv-vllm" / "bin" / "python"
PREFIX, STEP, ANSWER, CANDIDATES, REPEATS = 2_000, 60, 10, 8, 3
TARGETS = {"process": 5.0, "http": 3.5}
ON_A_CPU = {
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "0-1",
    "HF_HUB_OFFLINE": "1",
    "VLLM_NO_USAGE_STATS": "1",
}


async def seconds(backend: Backend, route: str, spans: list[Span]) -> tuple[float, list[float]]:
    """All candidates at once."""
    begin = time.perf_counter()
    found = await asyncio.gather(*(ROUTES[route](backend, span, True) for span in spans))
    took = time.perf_counter() - begin
    assert all(value is not None for one in found for value in one.values)
    return took, [value for one in found for value in one.values if value is not None]


async def measured(run: str) -> dict[str, object]:
    model = VllmModel(VllmOptions(weights=str(WEIGHTS), gpus=0, dtype="float32", context=2_304, run=run))
    engine = model.open()
    await engine.generate([])
    backend, route = engine._replicas.all[0].backend, engine.traits.scoring
    ratios, worst, times = [], 0.0, []
    for repeat in range(REPEATS):
        rng = random.Random(repeat)
        prefix = tuple(rng.randrange(1_000, 40_000) for _ in range(PREFIX))
        answer = tuple(rng.randrange(1_000, 40_000) for _ in range(ANSWER))
        steps = [tuple(rng.randrange(1_000, 40_000) for _ in range(STEP)) for _ in range(CANDIDATES)]
        spans = [Span(prefix + step + answer, PREFIX + STEP, PREFIX + STEP + ANSWER) for step in steps]
        await backend.draw(Drawing(prefix, Sampling(0.0), 0, 1))  # holds the prefix
        ours, values = await seconds(backend, route, spans)
        naive, wanted = await seconds(backend, "whole prompt", spans)
        worst = max([worst, *(abs(a - b) for a, b in zip(values, wanted, strict=True))])
        ratios.append(naive / ours)
        times.append((naive, ours))
    await engine.close()
    return {"route": route, "ratios": ratios, "seconds": times, "largest_difference_nats": worst}


def main() -> int:
    if sys.argv[1:2] == ["process"]:
        print("RESULT " + json.dumps(asyncio.run(measured("process"))))
        return 0
    os.environ.update(ON_A_CPU | {PYTHON: str(VLLM)})
    result = {"http": asyncio.run(measured("server"))}
    environment = os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'plugins'}"}
    command = [str(VLLM), __file__, "process"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    if not lines:
        sys.exit(done.stderr[-2_000:])
    result["process"] = json.loads(lines[0].removeprefix("RESULT "))
    missed = False
    print(f"{CANDIDATES} candidates over a cached prefix of {PREFIX} tokens, float32, whole prompt divided by ours")
    for name, found in result.items():
        median = statistics.median(found["ratios"])
        missed |= median < TARGETS[name]
        told = ", ".join(f"{ratio:.1f}" for ratio in found["ratios"])
        print(f"  {name:<8} {found['route']:<12} {median:5.1f}x ({told}), target {TARGETS[name]}x")
        print(f"  {'':<21} differences up to {found['largest_difference_nats']:.0e} nats")
    if "--write" in sys.argv:
        (ROOT / "benchmarks" / "results" / "served_scoring.json").write_text(
            json.dumps({"targets": TARGETS, **result}, indent=2) + "\n"
        )
    return int(missed)


if __name__ == "__main__":
    raise SystemExit(main())
