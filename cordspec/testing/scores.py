"""What is promised of log-probabilities."""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Sequence

from cordspec.plugin import ScoreRequest, TokenLogprobs
from cordspec.testing.subject import Subject
from cordspec.testing.triples import drawn, repeated


async def scores_agree(subject: Subject) -> str:
    """As the oracle's, in random order, some of them beside each other, and again when much of it is held."""
    requests = drawn(subject)
    wanted = [subject.oracle.logprobs(request) for request in requests]
    worst = await _compare(subject, requests, wanted, subject.seed)
    again = repeated(requests)
    worst = max(
        worst, await _compare(subject, again, [subject.oracle.logprobs(one) for one in again], subject.seed + 1)
    )
    return f"largest difference {worst:.1e} nats over {len(requests) + len(again)} triples"


async def scores_do_not_depend_on_company(subject: Subject) -> str:
    """Alone, in another order, and beside others: the same values."""
    requests = drawn(subject)[:24]
    together = await subject.engine.score(requests)
    worst = 0.0
    for seed in range(2):
        order = random.Random(seed).sample(range(len(requests)), len(requests))
        for first in range(0, len(order), 5):
            some = order[first : first + 5]
            found = await subject.engine.score([requests[at] for at in some])
            worst = max(
                [worst, *(_difference(together[at].values, one.values) for at, one in zip(some, found, strict=True))]
            )
    assert worst <= subject.tolerance, f"values differ by {worst:.1e} nats with what else was asked"
    return f"largest difference {worst:.1e} nats"


async def a_full_context_gives_no_score(subject: Subject) -> str:
    """A prompt that is longer than the context is answered with no values, not with an error."""
    context = subject.traits.context
    if context is None:
        return "not run: the context is not known"
    long = " so" * (context + 8)
    (found,) = await subject.engine.score([ScoreRequest(subject.prompt(long), "7", ".")])
    assert found.values == (), f"{len(found.values)} values for a prompt that does not fit"
    return f"context {context}"


async def _compare(
    subject: Subject, requests: Sequence[ScoreRequest], wanted: Sequence[Sequence[float]], seed: int
) -> float:
    """The largest difference; asked in random order, by calls of random size that overlap."""
    rng = random.Random(seed)
    order = rng.sample(range(len(requests)), len(requests))
    calls: list[list[int]] = []
    while order:
        size = rng.randrange(1, 7)
        calls.append(order[:size])
        order = order[size:]
    found: dict[int, TokenLogprobs] = {}

    async def ask(call: list[int]) -> None:
        found.update(zip(call, await subject.engine.score([requests[at] for at in call]), strict=True))

    for first in range(0, len(calls), 4):
        await asyncio.gather(*map(ask, calls[first : first + 4]))
    worst = 0.0
    for at, request in enumerate(requests):
        values = found[at].values
        assert len(values) == len(wanted[at]), (
            f"{len(values)} values for {len(wanted[at])} tokens of {request.target!r}"
        )
        difference = _difference(values, wanted[at])
        assert difference <= subject.tolerance, f"{difference:.1e} nats from the oracle for {request.target!r}"
        worst = max(worst, difference)
    return worst


def _difference(one: Sequence[float], other: Sequence[float]) -> float:
    assert len(one) == len(other), f"{len(one)} and {len(other)} values for the same request"
    differences = [abs(a - b) for a, b in zip(one, other, strict=True)]
    return max(differences, default=0.0) if all(map(math.isfinite, differences)) else math.inf
