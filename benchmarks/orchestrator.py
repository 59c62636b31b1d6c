"""The orchestrator alone: requests a second, CPU a request and memory, with engines that compute nothing (`make bench`).

Whole decodes through `cordspec.api` with the journal on disk, three teachers, a prover and a beam of four. Targets, stated
before the run: in process 1,000 requests a second on one core; over loopback HTTP 500, at most 2 ms of CPU a request;
10,000 problems grow the resident memory by at most 10 % after a warm-up.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from unittest import mock

from null_engine import NullEngine

from cordspec import api
from cordspec_mini.models import CHECKPOINTS, Mini

SPEC = """cord 1
experiment nothing {{ seed = 1, in_flight = {in_flight} }}
problems many : inventory {{ count = {count} }}
model adder : mini {{ name = adder }}
model subtracter : mini {{ name = subtracter }}
model multiplier : mini {{ name = multiplier }}
model prover : mini {{ name = prover }}
pool three {{ teachers = [adder, subtracter, multiplier] }}
segmenter steps : step_header {{ max_step = 64tok }}
scorer pp : predictive_perplexity {{ prover = prover }}
search beams : beam {{ size = {size} }}
decode traces {{ problems = many, pool = three, segmenter = steps, scorer = pp, search = beams,
  budget = {{ steps = {steps} }} }}
"""
SMALL = (1, 2)
"""Beam size and steps where it is the number of problems that counts."""
TARGETS = {"in process": 1_000.0, "http": 500.0, "cpu_ms": 2.0, "growth": 0.10}


def run(count: int, in_flight: int, opened, size: int = 4, steps: int = 6) -> dict[str, float]:
    """One decode; its requests are counted by its ledger."""
    with tempfile.TemporaryDirectory() as there, mock.patch.object(Mini, "open", opened):
        spec = Path(there, "nothing.cord")
        spec.write_text(SPEC.format(count=count, in_flight=in_flight, size=size, steps=steps))
        experiments = api.load(spec)
        begin, cpu = time.monotonic(), time.process_time()
        out = api.execute(experiments, Path(there, "run"))
        seconds, cpu = time.monotonic() - begin, time.process_time() - cpu
        ledger = json.loads(next(out.glob("stages/decode-*/ledger.json")).read_text())
        journal = (out / "run.db").stat().st_size
    requests = sum(one["calls"] for one in ledger.values())
    return {
        "requests": requests,
        "per_second": requests / seconds,
        "cpu_ms": 1e3 * cpu / requests,
        "journal": journal / requests,
    }


def over_http() -> dict[str, float]:
    from transformers import AutoTokenizer

    from cordspec_api.address import Address
    from cordspec_hf.prompting.choosing import chosen_frame
    from cordspec_serving.clocks import Clocks
    from cordspec_serving.connection import Connection
    from cordspec_serving.engine import ServedEngine
    from cordspec_vllm.http_backend import HttpBackend

    tokenizer = AutoTokenizer.from_pretrained(CHECKPOINTS / "adder")
    server = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("null_engine.py")), "8765"], stdout=subprocess.PIPE
    )
    try:
        assert server.stdout is not None and server.stdout.readline()

        def opened(_model: Mini) -> ServedEngine:
            async def attach():
                return [HttpBackend(Connection(Address("null", "http://127.0.0.1:8765", "")), "")]

            return ServedEngine(tokenizer, chosen_frame(tokenizer), attach, "float32", Clocks(patience=60.0))

        return run(40, 64, opened)
    finally:
        server.terminate()


def resident() -> int:
    """Kilobytes now."""
    return int(
        next(line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS"))
    )


def main() -> int:
    inside = run(300, 64, lambda model: NullEngine())
    outside = over_http()
    run(1_000, 64, lambda model: NullEngine(), *SMALL)
    warm = resident()
    many = run(10_000, 64, lambda model: NullEngine(), *SMALL)
    grown = resident() / warm - 1
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    run(600, 512, lambda model: NullEngine())
    in_flight = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak) / 448
    told = "{per_second:,.0f} requests/s, {cpu_ms:.2f} ms CPU and {journal:.0f} bytes of journal a request"
    print(f"in process: {told.format(**inside)}")
    print(f"over HTTP:  {told.format(**outside)}")
    print(f"10,000 problems: {told.format(**many)}")
    print(f"resident memory: {warm / 1024:.0f} MiB after 1,000 problems, {100 * grown:+.1f} % after 10,000 more")
    print(f"a problem in flight takes {max(in_flight, 0):.0f} KiB at most (512 against 64 in flight)")
    result = {
        "in process": inside, "http": outside, "10,000 problems": many, "growth": grown,
        "KiB a problem in flight": in_flight, "targets": TARGETS,
    }  # fmt: skip
    if "--write" in sys.argv:
        Path(__file__).with_name("results").joinpath("orchestrator.json").write_text(
            json.dumps(result, indent=2) + "\n"
        )
    missed = inside["per_second"] < TARGETS["in process"] or outside["per_second"] < TARGETS["http"]
    return int(missed or outside["cpu_ms"] > TARGETS["cpu_ms"] or grown > TARGETS["growth"])


if __name__ == "__main__":
    raise SystemExit(main())
