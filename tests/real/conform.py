"""Runs the conformance suite on one engine and prints the outcomes as JSON: also for environments without pytest.

``python -m tests.real.conform WEIGHTS TRIPLES [BUG]`` does it for vLLM in this process.
"""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import asdict
from pathlib import Path

from cordspec.plugin import Model
from cordspec.testing import Outcome, Subject, run
from cordspec_vllm.models import VllmModel, VllmOptions
from tests.real.plain import PlainTransformers

IM_END = "<|im_end|>"


def in_process(weights: Path) -> Model:
    """vLLM in this process on a CPU, in float32."""
    return VllmModel(VllmOptions(weights=str(weights), gpus=0, dtype="float32", context=1_024, run="process"))


async def conform(model: Model, oracle: PlainTransformers, triples: int) -> list[Outcome]:
    """All outcomes on a freshly opened engine; the first one says what it is."""
    engine = model.open()
    try:
        await engine.generate([])
        found = await run(Subject(engine, oracle, triples=triples, special=IM_END))
        return [Outcome("traits", True, json.dumps(asdict(engine.traits))), *found]
    finally:
        await engine.close()


def plant(bug: str) -> None:
    """Put a known mistake into the engine, to see that it is found."""
    from cordspec_vllm import in_process as module

    if bug == "guard":  # rows of held states are believed
        module._believed = lambda span, rows, held: tuple(
            row[token].logprob if row and token in row else None
            for row, token in zip(rows[span.first :], span.target, strict=True)
        )
    elif bug == "offset":  # the row after the token's own
        original = module._believed
        module._believed = lambda span, rows, held: original(span, [None, *rows[:-1]], held)
    elif bug == "stale":  # what an earlier answer said is taken for this one
        seen: dict[int, object] = {}
        original = module._believed
        module._believed = lambda span, rows, held: seen.setdefault(len(span.target), original(span, rows, held))


def main(weights: Path, triples: int = 200, bug: str = "") -> None:
    if bug:
        plant(bug)
    outcomes = asyncio.run(conform(in_process(weights), PlainTransformers(weights), triples))
    print("OUTCOMES " + json.dumps([asdict(one) for one in outcomes]))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:])
