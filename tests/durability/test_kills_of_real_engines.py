"""Kills of whole pipelines on the trained miniature: real engines, real training, the same oracles."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from tests.durability.harness import Kill, Stage, in_memory, spread

pytestmark = pytest.mark.slow

SPEC = """cord 1
experiment real { seed = 5, in_flight = 3 }
problems p : inventory { count = 2, seed = 3, length = 3..3 }
model adder      : mini { name = adder }
model subtracter : mini { name = subtracter }
model prover     : mini { name = prover }
model base       : mini { name = base }
pool two { teachers = [adder, subtracter], temperature = 0.8 }
segmenter steps : step_header { max_step = 40tok }
scorer pp : predictive_perplexity { prover = prover }
search beam2 : beam { size = 2 }
decode traces {
  problems = p, pool = two, segmenter = steps, scorer = pp, search = beam2
  budget = { thinking = 160tok, answer = 32tok }, keep = all
}
student small : sft { init = base, data = traces, epochs = 2, lr = 1e-3 }
eval after : math_answers { model = small, problems = p, samples = 1, max_tokens = 64tok }
"""
KILLS = 26


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with in_memory() as directory:
        spec = directory / "real.cord"
        spec.write_text(SPEC)
        with Stage(
            directory, {"real": spec}, threads=True, OMP_NUM_THREADS="1", TOKENIZERS_PARALLELISM="false"
        ) as stage:
            yield stage


def test_kills_of_real_engines(stage: Stage) -> None:
    alone = stage.left_alone("real")
    assert {"train.weights_written", "evaluate.drawn", "wave.decided"} <= set(alone.passed)
    rng = random.Random(1)
    kills = [*spread(alone.passed, KILLS), *(Kill(after=rng.uniform(0.1, alone.seconds)) for _ in range(3))]
    reached = 0
    for number, kill in enumerate(kills):
        run = stage.run(f"real-{number}", "real")
        reached += run.process(kill)
        if not run.wrong:
            run.process(report=False)
        assert not run.judge(), (kill, run.wrong)
        run.remove()
    print(f"{reached} kills of real engines")
    assert reached >= 25


def test_a_chain_on_real_engines(stage: Stage) -> None:
    run = stage.run("real-chain", "real")
    run.until_done(random.Random(3), stage.left_alone("real").passed_again)
    assert not run.judge() and run.killed
