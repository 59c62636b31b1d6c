"""Runs the conformance suite on vLLM in this process, then on it with known mistakes, and prints the outcomes as JSON.

For environments without pytest: ``python -m tests.real.conform WEIGHTS TRIPLES``.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from cordspec.plugin import Engine
from cordspec.testing import Outcome, Subject, run
from cordspec.testing.scores import scores_agree
from cordspec_serving.backend import Span
from cordspec_vllm import in_process
from cordspec_vllm.models import VllmModel, VllmOptions
from tests.real.plain import PlainTransformers

IM_END = "<|im_end|>"
Believed = Callable[..., tuple[float | None, ...]]


async def conform(weights: Path, triples: int) -> dict[str, list[Outcome]]:
    """The outcomes without a mistake, and those of the scores with each mistake."""
    options = VllmOptions(weights=str(weights), gpus=0, dtype="float32", context=1_024, run="process")
    engine: Engine = VllmModel(options).open()
    oracle = PlainTransformers(weights)
    try:
        found = {"": await run(Subject(engine, oracle, triples=triples, special=IM_END))}
        found["traits"] = [Outcome("traits", True, json.dumps(asdict(engine.traits)))]
        right = in_process._believed
        for name, bug in BUGS.items():
            in_process._believed = bug(right)
            found[name] = await run(Subject(engine, oracle, triples=24, special=IM_END), (scores_agree,))
        return found
    finally:
        await engine.close()


def no_guard(right: Believed) -> Believed:
    """Every row is believed, also those of held states, whatever token they speak of."""

    def believed(span: Span, rows: Sequence, held: int) -> tuple[float | None, ...]:
        return tuple(next(iter(row.values())).logprob if row else None for row in rows[span.first - span.last :])

    return believed


def wrong_offset(right: Believed) -> Believed:
    """The row after a token's own."""
    return lambda span, rows, held: right(span, [None, *rows[:-1]], held)


def stale(right: Believed) -> Believed:
    """What was said of an answer once is taken for it ever after, whatever stands before it."""
    seen: dict[object, tuple[float | None, ...]] = {}
    return lambda span, rows, held: seen.setdefault(span.target, right(span, rows, held))


BUGS = {"guard": no_guard, "offset": wrong_offset, "stale": stale}


if __name__ == "__main__":
    outcomes = asyncio.run(conform(Path(sys.argv[1]), int(sys.argv[2])))
    print("OUTCOMES " + json.dumps({name: [asdict(one) for one in found] for name, found in outcomes.items()}))
