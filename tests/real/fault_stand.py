"""An engine over servers that fail on command, attached and with some work behind it, with clocks of milliseconds."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal

from cordspec.plugin import GenerateRequest, Sampling, ScoreRequest, Segment, TokenLogprobs, thinking_prompt
from cordspec_api.address import Address
from cordspec_hf.prompting.choosing import chosen_frame
from cordspec_serving.backend import Backend
from cordspec_serving.clocks import Clocks
from cordspec_serving.completions.openai import OpenAIBackend
from cordspec_serving.completions.spelling import Spelling
from cordspec_serving.connection import Connection
from cordspec_serving.engine import ServedEngine
from cordspec_vllm.http_backend import HttpBackend
from tests.real.fault_server import Fault, FaultServer, Kind, tokenizer

CLOCKS = Clocks(patience=1.5, connect=5.0, first_token=0.2, between_tokens=0.2, deadline=5.0)
BEFORE = 24
"""Healthy calls before anything fails: a tenth of them may be repeated."""


def asking(seed: int = 7, temperature: float = 0.8, most: int = 12, **more: Any) -> GenerateRequest:
    question = more.pop("question", "How many cups are on shelf A?")
    return GenerateRequest(
        thinking_prompt((Segment(question),), "\n### Step 1."), Sampling(temperature), more.pop("stop", ()), most, seed
    )


def scoring(answer: str = "12 cups", step: str = "Count them.") -> ScoreRequest:
    return ScoreRequest(
        (Segment("How many cups?"), Segment(f"\n### Step 1. {step}\nThe final answer is ")), answer, "."
    )


def once(fault: Fault, kind: Kind = "draw", number: int = 0) -> Callable[[Kind, int, Any], Fault | None]:
    """One call fails."""
    return lambda asked, at, body: fault if (asked, at) == (kind, number) else None


def always(fault: Fault, kind: Kind = "draw") -> Callable[[Kind, int, Any], Fault | None]:
    return lambda asked, at, body: fault if asked == kind else None


@dataclass
class Stand:
    engine: ServedEngine
    servers: list[FaultServer]
    before: int

    def arm(self, *faults: Callable[[Kind, int, Any], Fault | None]) -> None:
        """The servers begin to fail, the first by the first of these and so on; the others stay well."""
        self.before += sum(len(one.bodies) for one in self.servers)
        for at, server in enumerate(self.servers):
            server.arm(faults[at] if at < len(faults) else lambda kind, number, body: None)

    @property
    def calls(self) -> list[tuple[str, Any]]:
        """What computed since then."""
        return [one for server in self.servers for one in server.bodies]

    def extra(self, needed: int = 1) -> int:
        """The calls beyond those that were needed, repetitions and trials: never more than a tenth of all."""
        extra = len(self.calls) - needed
        assert extra <= 0.1 * (self.before + len(self.calls)), f"{extra} extra calls of {self.before + len(self.calls)}"
        return extra

    async def draw(self, request: GenerateRequest) -> Any:
        return (await self.engine.generate([request]))[0]

    async def score(self, request: ScoreRequest) -> TokenLogprobs:
        return (await self.engine.score([request]))[0]


@asynccontextmanager
async def stand(
    count: int = 1,
    clocks: Clocks = CLOCKS,
    before: int = BEFORE,
    servers: Sequence[FaultServer] = (),
    rows: bool = False,
    dtype: str = "float32",
    dialect: Literal["vllm", "openai"] = "vllm",
) -> AsyncIterator[Stand]:
    """Servers with an engine over them.

    Args:
        dialect: as whose API it is taken.
        rows: whether they give rows of a prompt's log-probabilities; otherwise each token is asked for as the next one.
    """
    made = list(servers) or [FaultServer(rows=rows) for _ in range(count)]
    for server in made:
        await server.start()

    connections: list[Connection] = []

    async def attach() -> Sequence[Backend]:
        connections.extend(Connection(Address("test", server.url, "")) for server in made)
        if dialect == "openai":
            return [OpenAIBackend(one, Spelling(tokenizer()), "") for one in connections]
        return [HttpBackend(one, "") for one in connections]

    engine = ServedEngine(tokenizer(), chosen_frame(tokenizer()), attach, dtype, Clocks())
    try:
        await engine.generate([asking(seed=1_000 + at, question=f"Question {at}?") for at in range(before)])
        for one in connections:
            one._clocks = clocks  # from here on; a machine that is slow to begin is no fault
        for replica in engine._replicas.all:
            replica._patience = clocks.patience
        engine._asking._deadline = clocks.deadline
        yield Stand(engine, made, 0)
    finally:
        await engine.close()
        for server in made:
            await server.stop()
