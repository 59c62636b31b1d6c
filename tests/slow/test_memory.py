"""Memory does not grow with the number of problems: what a problem gave is written and forgotten."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
ALLOWED = 0.10
"""Of what is held when a tenth is done: so much more may be held at the end."""


def growth(problems: int, *arguments: str) -> tuple[float, float]:
    """How much more memory, and how many more blocks, are held at the end than when a tenth of the problems is done."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.simulation.memory", str(problems), *arguments],
        capture_output=True, text=True, check=True, cwd=ROOT,
    )  # fmt: skip
    samples = json.loads(done.stdout)
    assert len(samples) == 10
    (memory, blocks), (later_memory, later_blocks) = samples[0], samples[-1]
    return later_memory / memory - 1, later_blocks / blocks - 1


def test_a_thousand_problems_need_no_more_memory_than_a_hundred() -> None:
    memory, blocks = growth(1_000)
    assert memory < ALLOWED and blocks < ALLOWED


def test_a_decode_that_keeps_its_records_is_found_out() -> None:
    memory, blocks = growth(200, "leak")
    assert memory > ALLOWED and blocks > ALLOWED
