"""An engine of a simulated world: it answers after a while, in virtual time, unless a fault says otherwise."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING, Any

from cordspec.domain.prompt import Prompt, Segment, prompt_text
from cordspec.journal import answer_key
from cordspec.plugin import (
    EngineCounters,
    EngineTraits,
    GenerateRequest,
    Generation,
    RewardRequest,
    Rewards,
    ScoreRequest,
    TokenLogprobs,
    Unavailable,
)
from tests.simulation.faults import Kind
from tests.simulation.writing import believed, written

if TYPE_CHECKING:
    from tests.simulation.world import World

DEADLINE = 300.0
"""Seconds after which a call that hangs is given up."""
_QUESTION = re.compile(r"What is \d+ \+ \d+\?")


class WorldlyEngine:
    """One model (`Engine`)."""

    counters = EngineCounters()

    def __init__(self, world: World, model: str, fingerprint: str) -> None:
        self._world = world
        self._model = model
        self._fingerprint = fingerprint
        self.traits = EngineTraits("worldly", resident=world.drawn.resident)
        self._closed = False

    def opening(self, question: str) -> Prompt:
        return (Segment("Q: ", template=True), Segment(question))

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    async def generate(self, requests: Sequence[GenerateRequest]) -> list[Generation]:
        (request,) = requests
        kind: Kind = "integrator" if "Below are a problem" in prompt_text(request.prompt) else "teacher"
        return await self._serve(request, kind, written(self._model, request))

    async def score(self, requests: Sequence[ScoreRequest]) -> list[TokenLogprobs]:
        (request,) = requests
        return await self._serve(request, "prover", believed(self._model, request))

    async def reward(self, requests: Sequence[RewardRequest]) -> list[Rewards]:
        raise AssertionError("no simulated scorer asks for rewards")

    async def close(self) -> None:
        self._closed = True

    async def _serve(self, request: GenerateRequest | ScoreRequest, kind: Kind, answer: Any) -> list[Any]:
        world, key = self._world, answer_key(self._fingerprint, request)
        record = world.record
        found = _QUESTION.search(prompt_text(request.prompt))
        assert found is not None
        if record.crashed:
            raise asyncio.CancelledError
        if self._closed:
            record.violate("an engine is asked after it was closed")
        record.asked(key, found.group())
        try:
            answers = await self._answered(kind, answer, key)
        except BaseException:
            record.left(key, "lost")
            raise
        record.left(key, "answered" if len(answers) == 1 else "lost")
        return answers

    async def _answered(self, kind: Kind, answer: Any, key: bytes) -> list[Any]:
        world = self._world
        if world.away.get(self._model, 0.0) > world.record.now:
            await self._refuse(5.0)
        answers, seconds = [answer], Random(key).uniform(0.2, 6.0)
        seconds *= 20 if world.slow.get(self._model, 0.0) > world.record.now else 1
        for fault in world.strike(kind):
            world.record.note("fault", fault)
            match fault:
                case "spike":
                    await asyncio.sleep(seconds * world.rng.uniform(5, 60))
                case "slow":
                    world.slow[self._model] = world.record.now + world.rng.uniform(10, 3_600)
                case "clock":
                    world.jump_clock()
                case "garbled":
                    answers = [_garbled(answer, world.rng)]
                case "none":
                    answers = []
                case "two":
                    answers = [answer, answer]
                case "torn":
                    await asyncio.sleep(seconds / 2)
                    world.record.blow("E331")
                    raise ConnectionResetError("Connection reset by peer")
                case "crash later":
                    world.crash_in(seconds * world.rng.random())
                case "stop later":
                    world.stop_in(seconds * world.rng.random())
                case "reset before":
                    await self._refuse(0.1)
                case "reset after":
                    await self._refuse(seconds)
                case "hang":
                    await self._refuse(DEADLINE)
                case "down":
                    world.away[self._model] = world.record.now + world.outage()
                    await self._refuse(5.0)
                case _:
                    raise AssertionError(fault)
        await asyncio.sleep(seconds)
        if len(answers) != 1:
            world.record.blow("E331")
        return answers

    async def _refuse(self, seconds: float) -> None:
        """The engine cannot be asked, which is known after so long."""
        await asyncio.sleep(seconds)
        self._world.record.blow("E601")
        raise Unavailable(f"{self._model} gives no answer", "see that it runs")


def _garbled(answer: TokenLogprobs, rng: Random) -> TokenLogprobs:
    """Numbers that are none, or too few of them."""
    values = rng.choice([(float("nan"), *answer.values[1:]), (float("-inf"), *answer.values[1:]), ()])
    return replace(answer, values=values)
