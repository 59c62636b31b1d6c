"""`durable`, a model behind the server of these tests, and `copying`, a trainer without arithmetic. Plugins as others write
them, which are installed nowhere.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final

from cordspec.journal import answer_key
from cordspec.plugin import (
    Component,
    Engine,
    EngineCounters,
    EngineTraits,
    GenerateRequest,
    Generation,
    InitRef,
    Model,
    NotIdentity,
    Options,
    Prompt,
    RewardRequest,
    Rewards,
    ScoreRequest,
    Segment,
    TokenLogprobs,
    TracesRef,
    Trainer,
    TrainingJob,
    TrainingOutcome,
    TrainingStep,
    Unavailable,
    hookimpl,
)

ENVIRONMENT: Final = "DURABLE_SERVER"
"""How the server is asked, as JSON: where it is, for which run and process, with which delays. None of it decides an answer."""
LESSONS: Final = "lessons.jsonl"


class DurableOptions(Options):
    """Options of `model NAME : durable { ... }`."""

    name: str
    connections: Annotated[int, NotIdentity()] = 64


class DurableEngine:
    """Asks the server, over a connection for each request."""

    def __init__(self, options: DurableOptions, fingerprint: str) -> None:
        self._model, self._fingerprint = options.name, fingerprint
        self._slots = asyncio.Semaphore(options.connections)
        self._settings: dict[str, Any] = json.loads(os.environ[ENVIRONMENT])

    @property
    def counters(self) -> EngineCounters:
        return EngineCounters()

    @property
    def traits(self) -> EngineTraits:
        return EngineTraits("durable", block=0)

    def opening(self, question: str) -> Prompt:
        return (Segment("Q: ", template=True), Segment(question))

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    async def generate(self, requests: Sequence[GenerateRequest]) -> Sequence[Generation]:
        return [Generation(**answer) for answer in await self._all("generate", requests)]

    async def score(self, requests: Sequence[ScoreRequest]) -> Sequence[TokenLogprobs]:
        answers = await self._all("score", requests)
        return [TokenLogprobs(**{**answer, "values": tuple(answer["values"])}) for answer in answers]

    async def reward(self, requests: Sequence[RewardRequest]) -> Sequence[Rewards]:
        raise Unavailable("it gives no rewards")

    async def close(self) -> None:
        """Nothing is held."""

    async def _all(
        self, method: str, requests: Sequence[GenerateRequest] | Sequence[ScoreRequest]
    ) -> list[dict[str, Any]]:
        return await asyncio.gather(*(self._one(method, request) for request in requests))

    async def _one(self, method: str, request: GenerateRequest | ScoreRequest) -> dict[str, Any]:
        message = {
            **self._settings,
            "method": method,
            "model": self._model,
            "request": asdict(request),
            "key": answer_key(self._fingerprint, request).hex(),
        }
        async with self._slots:
            reader, writer = await asyncio.open_unix_connection(self._settings["socket"], limit=2**24)
            try:
                writer.write(json.dumps(message).encode() + b"\n")
                found: dict[str, Any] = json.loads(await reader.readline())
                return found
            finally:
                writer.close()


class Durable(Model[DurableOptions]):
    """One of the models of the server. A student's name is the hash of what it was taught."""

    name: ClassVar[str] = "durable"

    def fingerprint(self) -> str:
        return f"durable:{self.options.name}"

    def open(self) -> Engine:
        return DurableEngine(self.options, self.fingerprint())

    def at(self, weights: Path) -> Model:
        return Durable(DurableOptions(name=hashlib.sha256((weights / LESSONS).read_bytes()).hexdigest()))

    def weights_path(self) -> Path:
        return Path(__file__)  # whoever starts from it looks at nothing


class CopyingOptions(Options):
    """Options of `student NAME : copying { ... }`."""

    init: InitRef
    data: TracesRef


class Copying(Trainer[CopyingOptions]):
    """Writes its examples down, one a step."""

    name: ClassVar[str] = "copying"

    def train(self, job: TrainingJob) -> TrainingOutcome:
        job.out.mkdir()
        with (job.out / LESSONS).open("w") as file:
            for step, example in enumerate(job.examples, 1):
                file.write(json.dumps([job.seed, example.question, example.solution.thinking]) + "\n")
                file.flush()
                job.on_step(TrainingStep(step, len(job.examples), 1 / step))
        return TrainingOutcome((1.0,), len(job.examples), 1, 0)


@hookimpl
def cordspec_components() -> Iterable[type[Component]]:
    yield Durable
    yield Copying
