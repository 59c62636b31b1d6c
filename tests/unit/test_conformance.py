"""The conformance suite itself: each of these engines is wrong, and a check says so."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Sequence

from cordspec.plugin import (
    EngineTraits,
    GenerateRequest,
    Generation,
    Prompt,
    ScoreRequest,
    Segment,
    TokenLogprobs,
    prompt_text,
)
from cordspec.testing import Outcome, Subject, run
from cordspec.testing.generations import cancelled_calls_are_given_up
from cordspec.testing.scores import scores_do_not_depend_on_company


class Sound:
    """Tokens are characters, each as likely as its code says."""

    traits = EngineTraits("sound", context=100_000)

    def opening(self, question: str) -> Prompt:
        return (Segment(question),)

    async def generate(self, requests: Sequence[GenerateRequest]) -> list[Generation]:
        for request in requests:
            await asyncio.sleep(request.max_tokens / 100)
        return [Generation("x" * one.max_tokens, one.max_tokens, "length") for one in requests]

    async def score(self, requests: Sequence[ScoreRequest]) -> list[TokenLogprobs]:
        return [TokenLogprobs(tuple(-ord(one) / 100 for one in request.target)) for request in requests]


class Letters:
    def length(self, text: str) -> int:
        return len(text)


def outcome(engine: Sound, check: object) -> Outcome:
    subject = Subject(engine, Letters(), triples=24)  # type: ignore[arg-type]
    (found,) = asyncio.run(run(subject, (check,)))  # type: ignore[arg-type]
    return found


def test_a_sound_engine_passes() -> None:
    for check in (scores_do_not_depend_on_company, cancelled_calls_are_given_up):
        assert outcome(Sound(), check).passed


def test_a_call_that_ends_only_when_it_is_done_is_found() -> None:
    class Deaf(Sound):
        async def generate(self, requests: Sequence[GenerateRequest]) -> list[Generation]:
            try:
                return await super().generate(requests)
            except asyncio.CancelledError:
                time.sleep(1.1)
                raise

    found = outcome(Deaf(), cancelled_calls_are_given_up)
    assert not found.passed and "went on for" in found.said


def test_a_call_that_was_over_already_proves_nothing() -> None:
    class Quick(Sound):
        async def generate(self, requests: Sequence[GenerateRequest]) -> list[Generation]:
            return [Generation("x", 1, "end") for _ in requests]

    assert outcome(Quick(), cancelled_calls_are_given_up).said.startswith("not run")


def test_what_is_no_number_beside_others_is_found() -> None:
    class Mixed(Sound):
        async def score(self, requests: Sequence[ScoreRequest]) -> list[TokenLogprobs]:
            found = await super().score(requests)
            return found if len(found) > 5 else [TokenLogprobs((*one.values[:-1], math.nan)) for one in found]

    assert not outcome(Mixed(), scores_do_not_depend_on_company).passed


def test_what_an_engine_raises_fails_the_check_and_not_the_suite() -> None:
    class Broken(Sound):
        async def score(self, requests: Sequence[ScoreRequest]) -> list[TokenLogprobs]:
            raise KeyError(prompt_text(requests[0].prompt)[:5])

    found = outcome(Broken(), scores_do_not_depend_on_company)
    assert not found.passed and found.said.startswith("KeyError")
