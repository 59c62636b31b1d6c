"""The only door to engines: it remembers, batches, rounds and counts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from typing import Any, TypeVar

from cordspec.domain.inference import (
    Call,
    GenerateRequest,
    Generation,
    RewardRequest,
    Rewards,
    Role,
    ScoreRequest,
    TokenLogprobs,
)
from cordspec.domain.prompt import Prompt
from cordspec.extension.kinds.engine import Engine, EngineCounters
from cordspec.journal import Journal, answer_key
from cordspec.journal.journal import Answer
from cordspec.run.batcher import Batcher
from cordspec.run.calls import note
from cordspec.run.ledger import Ledger

LOGPROB_DECIMALS = 6
"""Log-probabilities are rounded to this many decimals before they are stored or used, so that the order of a sum inside
an engine decides nothing. In float64 two orders differ by about 1e-15."""

Request = TypeVar("Request", GenerateRequest, ScoreRequest, RewardRequest)
Result = TypeVar("Result", Generation, TokenLogprobs, Rewards)


class NotStored(Exception):
    """Raised where only stored answers are to be used and the journal has none."""


class ModelGateway:
    """One model of a run. It is loaded when something is asked that the journal does not know.

    Args:
        stored_only: the roles in which nothing new is generated.
    """

    def __init__(
        self, open_engine: Callable[[], Engine], fingerprint: str, journal: Journal, device: asyncio.Lock,
        stored_only: frozenset[Role] = frozenset(),
    ) -> None:  # fmt: skip
        self._stored_only = stored_only
        self._open = open_engine
        self._fingerprint = fingerprint
        self._journal = journal
        self._engine: Engine | None = None
        self._asked: dict[bytes, asyncio.Future[tuple[Answer, float]]] = {}
        self._generations = Batcher(self._generate_batch, device)
        self._scores = Batcher(self._score_batch, device)
        self._rewards = Batcher(self._reward_batch, device)

    def view(self, name: str, role: Role, ledger: Ledger) -> RoleView:
        """The model of a block in a role, with its costs put into a ledger."""
        return RoleView(self, name, role, ledger)

    @property
    def engine(self) -> Engine:
        if self._engine is None:
            self._engine = self._open()
        return self._engine

    @property
    def counters(self) -> EngineCounters:
        """What the engine computed in this process; zeros if it was never loaded."""
        return self._engine.counters if self._engine is not None else EngineCounters()

    async def close(self) -> None:
        if self._engine is not None:
            await self._engine.close()

    async def generate(self, request: GenerateRequest, role: Role) -> tuple[Generation, float, bool]:
        """The answer, the seconds that it took when it was first given, and whether the journal knew it.

        Raises:
            NotStored: the journal does not know it, and in this role nothing new is generated.
        """
        stored_only = role in self._stored_only
        answer, seconds, remembered = await self._answer(request, self._generations, stored_only=stored_only)
        return _generation(answer), seconds, remembered

    async def score(self, request: ScoreRequest) -> tuple[TokenLogprobs, float, bool]:
        """As `generate`, for scores."""
        answer, seconds, remembered = await self._answer(request, self._scores)
        return TokenLogprobs(**_values(answer)), seconds, remembered

    async def reward(self, request: RewardRequest) -> tuple[Rewards, float, bool]:
        """As `generate`, for rewards."""
        answer, seconds, remembered = await self._answer(request, self._rewards)
        return Rewards(**_values(answer)), seconds, remembered

    async def _answer(
        self, request: Request, batcher: Batcher[tuple[bytes, Request], tuple[Answer, float]], *,
        stored_only: bool = False,
    ) -> tuple[Answer, float, bool]:  # fmt: skip
        key = answer_key(self._fingerprint, request)
        known = self._journal.get([key]).get(key)
        if known is not None:
            return known[0], known[1], True
        if stored_only:
            raise NotStored
        if key in self._asked:
            answer, seconds = await asyncio.shield(self._asked[key])
            return answer, seconds, False
        future = asyncio.ensure_future(batcher.submit((key, request)))
        self._asked[key] = future
        try:
            answer, seconds = await future
            return answer, seconds, False
        finally:
            del self._asked[key]

    async def _generate_batch(self, batch: Sequence[tuple[bytes, GenerateRequest]]) -> list[tuple[Answer, float]]:
        return await self._run(batch, self.engine.generate, asdict)

    async def _score_batch(self, batch: Sequence[tuple[bytes, ScoreRequest]]) -> list[tuple[Answer, float]]:
        return await self._run(batch, self.engine.score, _rounded)

    async def _reward_batch(self, batch: Sequence[tuple[bytes, RewardRequest]]) -> list[tuple[Answer, float]]:
        return await self._run(batch, self.engine.reward, _rounded)

    async def _run(
        self,
        batch: Sequence[tuple[bytes, Request]],
        ask: Callable[[Sequence[Request]], Awaitable[Sequence[Result]]],
        stored: Callable[[Result], Answer],
    ) -> list[tuple[Answer, float]]:
        begin = time.monotonic()
        results = await ask([request for _, request in batch])
        if len(results) != len(batch):
            raise RuntimeError(f"the engine gave {len(results)} answers to {len(batch)} requests")
        seconds = (time.monotonic() - begin) / len(batch)
        answers = [stored(result) for result in results]
        keys = [key for key, _ in batch]
        self._journal.put(self._fingerprint, ((key, a, seconds) for key, a in zip(keys, answers, strict=True)))
        return [(answer, seconds) for answer in answers]


class RoleView:
    """A model in one role of one stage; what components hold (`EngineAccess`)."""

    def __init__(self, gateway: ModelGateway, name: str, role: Role, ledger: Ledger) -> None:
        self._gateway = gateway
        self._name = name
        self._role = role
        self._ledger = ledger

    def opening(self, question: str) -> Prompt:
        return self._gateway.engine.opening(question)

    def count_tokens(self, text: str) -> int:
        return self._gateway.engine.count_tokens(text)

    async def generate(self, request: GenerateRequest) -> Generation:
        answer, seconds, remembered = await self._gateway.generate(request, self._role)
        self._note(answer, seconds, remembered, generated=answer.tokens)
        return answer

    async def score(self, request: ScoreRequest) -> TokenLogprobs:
        answer, seconds, remembered = await self._gateway.score(request)
        self._note(answer, seconds, remembered, scored=len(answer.values))
        return answer

    async def reward(self, request: RewardRequest) -> Rewards:
        answer, seconds, remembered = await self._gateway.reward(request)
        self._note(answer, seconds, remembered, scored=len(answer.values))
        return answer

    def _note(
        self, answer: Generation | TokenLogprobs | Rewards, seconds: float, remembered: bool, *,
        generated: int = 0, scored: int = 0,
    ) -> None:  # fmt: skip
        call = Call(
            self._role, self._name, answer.prompt_tokens, answer.prefilled, generated, scored, round(seconds, 6)
        )
        self._ledger.add(call, remembered=remembered)
        note(call)


def _rounded(answer: TokenLogprobs | Rewards) -> Answer:
    values = [round(value, LOGPROB_DECIMALS) + 0.0 for value in answer.values]
    return {**asdict(answer), "values": values}


def _generation(answer: Answer) -> Generation:
    return Generation(**answer)  # type: ignore[arg-type]  # what `asdict` of a Generation gave


def _values(answer: Answer) -> dict[str, Any]:
    values = answer["values"]
    assert isinstance(values, list)
    return {**answer, "values": tuple(map(float, values))}
