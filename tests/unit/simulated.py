"""Simulated decodes for tests: the spec of the paper's main result, and jobs without a search."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from cordspec import api
from cordspec.diagnostics import Source
from cordspec.domain.facts import ModelFacts
from cordspec.model import Experiment
from cordspec.plan.machine import Gpu
from cordspec.run.simulating.jobs import Job
from cordspec.run.simulating.replica import Replica
from cordspec.run.simulating.texts import marked
from cordspec.run.simulating.timing import Timing

SPEC = Path(__file__).parents[2] / "specs" / "hetero_beam4.cord"
B32 = ModelFacts(32.8e9, 262_144)
CURATED = """
search best : curation { traces_per_teacher = 2 }
decode curated like traces { search = best }
"""


def paper(*sets: str) -> Experiment:
    """The experiment of the paper's main result, with a curation beside it."""
    found, diagnostics = api.resolve(Source(str(SPEC), SPEC.read_text() + CURATED), sets)
    assert found is not None, diagnostics
    return found


def timing(gpus: int = 2, memory: float = 80 * 2**30) -> Timing:
    return Timing.of(B32, gpus, memory, Gpu())


async def served(replica: Replica, requests: Sequence[tuple[float, str, int]]) -> list[float]:
    """When each request ends: when it comes, its prompt, and the tokens that it writes."""

    async def one(number: int, at: float, prompt: str, tokens: int) -> float:
        await asyncio.sleep(at)
        job = Job.of(prompt, marked(f" written {number}", tokens) if tokens else "", tokens)
        replica.submit(job)
        await job.over
        return asyncio.get_running_loop().time()

    return list(await asyncio.gather(*(one(number, *request) for number, request in enumerate(requests))))
