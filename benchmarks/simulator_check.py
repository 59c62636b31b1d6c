"""Simulated engines beside AIConfigurator, an independent public model of serving with operators timed on real GPUs.

    python benchmarks/simulator_check.py                 # beside the stored answers; writes results/simulator_check.md
    python benchmarks/simulator_check.py --ask COMMAND   # ask `aiconfigurator` again (pip install it, elsewhere)

Qwen3-32B, which has the sizes of QwQ-32B, in 16 bits on H100s: seconds of a decoding iteration, of a prompt, and tokens a
second with requests that come as others end. The residuals are ours over theirs, less 1; nothing was fitted to them.
"""

from __future__ import annotations

import asyncio
import json
import re
import statistics
import subprocess
import sys
from pathlib import Path

from cordspec.domain.facts import ModelFacts
from cordspec.plan.machine import Gpu
from cordspec.run.simulating.clock import run_virtually
from cordspec.run.simulating.jobs import Job
from cordspec.run.simulating.replica import Replica
from cordspec.run.simulating.texts import marked
from cordspec.run.simulating.timing import Timing

RESULTS = Path(__file__).parent / "results"
ANSWERS = RESULTS / "simulator_check.json"
FACTS = ModelFacts(32.8e9, 262_144)
MEMORY = 80e9
WRITTEN = 400
POINTS = (
    *(("iteration", gpus, context, batch) for gpus in (2, 4) for context in (1_000, 5_000, 10_000)
      for batch in (1, 8, 32, 64, 128)),
    *(("prompt", gpus, tokens, 1) for gpus in (2, 4) for tokens in (500, 2_000, 8_000)),
    *(("serving", 2, 5_000, batch) for batch in (8, 16, 32)),
)  # fmt: skip
"""What is compared, GPUs, tokens of context or prompt, batch."""
MODES = {
    "iteration": ("static_gen", r"TPOT:\s+([\d.,]+) ms"),
    "prompt": ("static_ctx", r"TTFT:\s+([\d.,]+) ms"),
    "serving": ("agg", r"tokens/s:\s+([\d.,]+)"),
}


def ask(tool: str, what: str, gpus: int, tokens: int, batch: int) -> float:
    """Their answer: milliseconds, or tokens a second."""
    mode, pattern = MODES[what]
    numbers = {"--isl": tokens, "--osl": WRITTEN if what == "serving" else 2, "--batch-size": batch, "--tp-size": gpus}
    command = [tool, "cli", "estimate", "--model-path", "Qwen/Qwen3-32B", "--system", "h100_sxm", "--backend", "vllm"]
    command += ["--estimate-mode", mode, "--no-color"]
    command += [part for name, value in numbers.items() for part in (name, str(value))]
    command += [part for kind in ("gemm", "kvcache", "fmha") for part in (f"--{kind}-quant-mode", "bfloat16")]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(pattern, said)
    assert found is not None, said
    return float(found.group(1).replace(",", ""))


def ours(what: str, gpus: int, tokens: int, batch: int, timing: Timing | None = None) -> float:
    """The same of a simulated engine."""
    timing = timing or Timing.of(FACTS, gpus, MEMORY, Gpu())
    match what:
        case "iteration":
            return 1_000 * timing.iteration(batch, batch * tokens)
        case "prompt":
            return 1_000 * timing.iteration(tokens, 0)
        case _:
            return serving(timing, tokens, batch)


def serving(timing: Timing, prompt: int, batch: int, rounds: int = 6) -> float:
    """Tokens a second with so many requests always under way, none of which shares its prompt."""

    async def work() -> float:
        replica = Replica(timing)

        async def lane(number: int) -> None:
            await asyncio.sleep(number * 0.3)
            for turn in range(rounds):
                job = Job.of(marked(f"{number}-{turn}", prompt), marked(" w", WRITTEN), WRITTEN)
                replica.submit(job)
                await job.over

        await asyncio.gather(*(lane(number) for number in range(batch)))
        return asyncio.get_running_loop().time()

    return batch * rounds * WRITTEN / run_virtually(work())


def main() -> int:
    if "--ask" in sys.argv:
        tool = sys.argv[sys.argv.index("--ask") + 1]
        answers = [[*point, ask(tool, *point)] for point in POINTS]
        source = "AIConfigurator 0.12.0, Qwen3-32B, H100 SXM, its database of vLLM 0.24.0, bfloat16"
        ANSWERS.write_text(json.dumps({"source": source, "answers": answers}, indent=1) + "\n")
    stored = json.loads(ANSWERS.read_text())
    lines = [
        "<!-- `python benchmarks/simulator_check.py` -->",
        "# Simulated engines beside an independent model", "",
        f"Theirs: {stored['source']}. Ours: the constants of `cordspec plan`, fitted to nothing. Iterations and prompts in"
        f" milliseconds, serving ({WRITTEN} tokens written after each prompt) in tokens a second.", "",
        "| what | GPUs | tokens | batch | theirs | ours (simulated) | residual |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]  # fmt: skip
    residuals: dict[str, list[float]] = {}
    for what, gpus, tokens, batch, theirs in stored["answers"]:
        mine = ours(what, gpus, tokens, batch)
        residuals.setdefault(what, []).append(mine / theirs - 1)
        lines.append(
            f"| {what} | {gpus} | {tokens:,} | {batch} | {theirs:.1f} | {mine:.1f} | {100 * (mine / theirs - 1):+.0f} % |"
        )
    lines += ["", "| what | n | median residual | from | to |", "| --- | --- | --- | --- | --- |"]
    for what, found in residuals.items():
        low, high = 100 * min(found), 100 * max(found)
        middle = 100 * statistics.median(found)
        lines.append(f"| {what} | {len(found)} | {middle:+.0f} % | {low:+.0f} % | {high:+.0f} % |")
    text = "\n".join(lines) + "\n"
    print(text)
    (RESULTS / "simulator_check.md").write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
