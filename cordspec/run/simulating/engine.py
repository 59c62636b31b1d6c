"""A simulated engine: what a real one is asked, answered in virtual time by replicas of a model that has only its sizes."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import astuple, replace
from typing import TypeVar

from cordspec.domain.inference import GenerateRequest, Generation, RewardRequest, Rewards, ScoreRequest, TokenLogprobs
from cordspec.domain.prompt import Prompt, Segment, prompt_text
from cordspec.extension.component import Unavailable
from cordspec.extension.kinds.engine import EngineCounters, EngineTraits
from cordspec.run.simulating.jobs import Job
from cordspec.run.simulating.memory import BLOCK
from cordspec.run.simulating.prover import belief
from cordspec.run.simulating.replica import Replica
from cordspec.run.simulating.texts import count_tokens, marked
from cordspec.run.simulating.writer import Writer

Request = TypeVar("Request")
Answer = TypeVar("Answer")


class SimulatedEngine:
    """Replicas of one model (`Engine`). A problem stays with the replica that it first came to, in turns over them."""

    def __init__(self, name: str, replicas: Sequence[Replica], writer: Writer, correlation: float) -> None:
        self.replicas = tuple(replicas)
        self._name = name
        self._writer = writer
        self._correlation = correlation
        self._homes: dict[str, Replica] = {}

    @property
    def counters(self) -> EngineCounters:
        each = [astuple(replica.counters) for replica in self.replicas]
        return EngineCounters(*(sum(column) for column in zip(*each, strict=True)))

    @property
    def traits(self) -> EngineTraits:
        resident = sum(replica.timing.resident for replica in self.replicas)
        return EngineTraits("simulated", resident=resident, block=BLOCK, scoring="of held prefixes")

    def opening(self, question: str) -> Prompt:
        return (Segment(marked(question, self._writer.assumed.prompt_tokens), template=True),)

    def count_tokens(self, text: str) -> int:
        return count_tokens(text)

    async def generate(self, requests: Sequence[GenerateRequest]) -> Sequence[Generation]:
        return await _each(requests, self._generate)

    async def score(self, requests: Sequence[ScoreRequest]) -> Sequence[TokenLogprobs]:
        return await _each(requests, self._score)

    async def reward(self, requests: Sequence[RewardRequest]) -> Sequence[Rewards]:
        return await _each(requests, self._reward)

    async def close(self) -> None:
        pass

    async def _generate(self, request: GenerateRequest) -> Generation:
        answer = self._writer.write(request)
        prefilled = await self._serve(Job.of(prompt_text(request.prompt), answer.text, answer.tokens))
        return replace(answer, prefilled=prefilled)

    async def _score(self, request: ScoreRequest) -> TokenLogprobs:
        prompt = prompt_text(request.prompt)
        job = Job.of(prompt, "", 0)
        tail = count_tokens(request.target + request.after)
        job.tail, job.prompt = job.tail + tail, job.prompt + tail
        prefilled = await self._serve(job)
        value = math.log(belief([text for text, _ in job.pieces], self._correlation))
        return TokenLogprobs((value,) * count_tokens(request.target), job.prompt, prefilled)

    async def _reward(self, request: RewardRequest) -> Rewards:
        opening = prompt_text(self.opening(request.question))
        job = Job.of(opening + "".join(request.steps), "", 0)
        prefilled = await self._serve(job)
        texts = [text for text, _ in job.pieces]
        values = tuple(belief(texts[: at + 2], self._correlation) for at in range(len(request.steps)))
        return Rewards(values, job.prompt, prefilled)

    async def _serve(self, job: Job) -> int:
        """The prompt tokens that were computed for a job, when it is over."""
        replica = self._home(job.pieces[0][0])
        if job.prompt + job.tokens > replica.timing.resident:
            needed = f"a request of {job.prompt + job.tokens:,} tokens"
            raise Unavailable(f"{needed} does not fit beside the weights of {self._name}", "give the model more GPUs")
        replica.submit(job)
        try:
            await job.over
        except asyncio.CancelledError:
            replica.withdraw(job)
            raise
        return job.computed

    def _home(self, opening: str) -> Replica:
        return self._homes.setdefault(opening, self.replicas[len(self._homes) % len(self.replicas)])


async def _each(requests: Sequence[Request], serve: Callable[[Request], Awaitable[Answer]]) -> list[Answer]:
    return list(await asyncio.gather(*(serve(request) for request in requests)))
