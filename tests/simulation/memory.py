"""``python -m tests.simulation.memory PROBLEMS [leak]``: decode so many made-up problems and print, after every tenth of them,
the resident memory in bytes and the blocks that Python holds. ``leak`` keeps all records, for a test of the measurement.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

from cordspec.run import events
from cordspec.run.executor import Limits, execute
from cordspec.run.simulating.clock import run_virtually
from cordspec.run.stages import decode
from tests.simulation import components
from tests.simulation.engine import WorldlyEngine
from tests.simulation.experiments import SPEC, Drawn
from tests.simulation.plain import scratch
from tests.simulation.writing import believed, written


class Calm(WorldlyEngine):
    """An engine to which nothing happens and that remembers nothing."""

    async def generate(self, requests: Sequence[Any]) -> list[Any]:
        await asyncio.sleep(Random(requests[0].seed).random())
        return [written(self._model, request) for request in requests]

    async def score(self, requests: Sequence[Any]) -> list[Any]:
        await asyncio.sleep(0.5)
        return [believed(self._model, request) for request in requests]


class Sampling:
    """Listens to a decode and measures after every tenth of it."""

    def __init__(self, problems: int) -> None:
        self._step = problems // 10
        self.samples: list[tuple[int, int]] = []

    def on_event(self, event: events.Event) -> None:
        if isinstance(event, events.StageProgress) and event.done == self._step * (len(self.samples) + 1):
            gc.collect()
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            self.samples.append((pages * os.sysconf("SC_PAGE_SIZE"), sys.getallocatedblocks()))


def main(problems: int, *, leak: bool) -> None:
    """Decode, and print the samples."""
    drawn = Drawn(text_of(problems), problems, 8, "wait", None)
    world: Any = SimpleNamespace(drawn=drawn)
    world.engine = lambda model, fingerprint: Calm(world, model, fingerprint)
    components.enter(world)
    if leak:
        _leak()
    sampling = Sampling(problems)
    with scratch() as root:
        run_virtually(execute([drawn.variant], components.registry(), root, sampling, Limits()))
    print(json.dumps(sampling.samples))


def text_of(problems: int) -> str:
    """A beam search by two teachers."""
    return SPEC.format(
        seed=1, in_flight=8, problems=problems, search="beam { size = 2 }", absence="wait", patience=60, prover="p",
        models='model a : worldly { weights = "a" }\nmodel b : worldly { weights = "b" }', teachers="a, b", keep="all",
        speculate=0, thinking=400,
    )  # fmt: skip


def _leak() -> None:
    kept: list[object] = []
    trace_record = decode.trace_record

    def keeping(record: Any, grader: Any) -> Any:
        kept.append(record)
        return trace_record(record, grader)

    decode.trace_record = keeping


if __name__ == "__main__":
    main(int(sys.argv[1]), leak=sys.argv[2:] == ["leak"])
