"""The only door to engines: it remembers, rounds and counts."""

from __future__ import annotations

import json
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
from cordspec.extension.kinds.engine import Engine, EngineCounters, EngineTraits
from cordspec.faultpoints import faultpoint
from cordspec.journal import Answer, Committer, answer_key
from cordspec.journal.notes import ENVIRONMENT
from cordspec.journal.notes import note as journal_note
from cordspec.run.calls import note
from cordspec.run.gate import Gate, NotStored
from cordspec.run.holding import hold_identity
from cordspec.run.ledger import Ledger
from cordspec.run.sharing import Shared

LOGPROB_DECIMALS = 6
"""Log-probabilities are rounded to this many decimals before they are stored or used, so that the order of a sum inside
an engine decides nothing. In float64 two orders differ by about 1e-15."""

Request = TypeVar("Request", GenerateRequest, ScoreRequest, RewardRequest)
Result = TypeVar("Result", Generation, TokenLogprobs, Rewards)
Ask = Callable[[Sequence[Request]], Awaitable[Sequence[Result]]]


class ModelGateway:
    """One model of a run. It is loaded when something is asked that the journal does not know.

    Args:
        stored_only: the roles in which nothing new is generated.
        gate: what every request passes that the journal does not answer.
    """

    def __init__(
        self, open_engine: Callable[[], Engine], fingerprint: str, committer: Committer,
        stored_only: frozenset[Role] = frozenset(), gate: Gate | None = None,
    ) -> None:  # fmt: skip
        self._stored_only = stored_only
        self._gate = gate or Gate()
        self._open = open_engine
        self._fingerprint = fingerprint
        self._committer = committer
        self._engine: Engine | None = None
        self._noted = False
        self._asked: dict[bytes, Shared[tuple[Answer, float]]] = {}
        self.under_way = 0
        """Requests that are at the engine, or on their way from it into the journal."""
        self._now = time.monotonic()
        self._asked_seconds = 0.0
        self._held = False
        """Whether the engine was held against what it was in earlier processes of the run."""
        self._shared = 0.0
        """A clock that goes slower the more is asked: what a request takes on it is its share of the engine's time."""

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

    @property
    def traits(self) -> EngineTraits | None:
        """What the engine is; None if it was never loaded."""
        return self._engine.traits if self._engine is not None else None

    @property
    def load(self) -> int:
        """Requests that somebody waits for."""
        return len(self._asked)

    @property
    def asked_seconds(self) -> float:
        """For how long anything was under way."""
        self._advance()
        return self._asked_seconds

    def _advance(self) -> None:
        """Count the time since the last change of what is under way; called before every such change."""
        now = time.monotonic()
        if self._asked:
            self._asked_seconds += now - self._now
            self._shared += (now - self._now) / len(self._asked)
        self._now = now

    async def close(self) -> None:
        if self._engine is not None:
            await self._engine.close()

    async def generate(self, request: GenerateRequest, role: Role) -> tuple[Generation, float, bool]:
        """The answer, its share of the engine's time when it was first given, in seconds, and whether it was known: of
        those who wait for one answer of the engine, only the first to get it gets what is new.

        Raises:
            NotStored: the journal does not know it, and in this role nothing new is generated.
        """
        stored_only = role in self._stored_only
        answer, seconds, known = await self._answer(request, lambda: self.engine.generate, asdict, stored_only)
        return _generation(answer), seconds, known

    async def score(self, request: ScoreRequest) -> tuple[TokenLogprobs, float, bool]:
        """As `generate`, for scores."""
        answer, seconds, known = await self._answer(request, lambda: self.engine.score, _rounded)
        return TokenLogprobs(**_values(answer)), seconds, known

    async def reward(self, request: RewardRequest) -> tuple[Rewards, float, bool]:
        """As `generate`, for rewards."""
        answer, seconds, known = await self._answer(request, lambda: self.engine.reward, _rounded)
        return Rewards(**_values(answer)), seconds, known

    async def _answer(
        self, request: Request, method: Callable[[], Ask[Request, Result]], stored: Callable[[Result], Answer],
        stored_only: bool = False,
    ) -> tuple[Answer, float, bool]:  # fmt: skip
        """What the journal knows, or else what the engine says. Requests that are under way are not asked twice."""
        key = answer_key(self._fingerprint, request)
        known = self._committer.journal.get([key]).get(key)
        if known is not None:
            return known[0], known[1], True
        if stored_only:
            raise NotStored
        await self._gate.enter()
        asked = self._asked.get(key)
        if asked is None:
            self._advance()
            asked = self._asked[key] = Shared(self._ask(key, request, method, stored))
        try:
            answer, seconds = await asked.wait()
        finally:
            if asked.over and self._asked.get(key) is asked:
                self._advance()
                del self._asked[key]
        known_by_now, asked.told = asked.told, True
        return answer, seconds, known_by_now

    async def _ask(
        self,
        key: bytes,
        request: Request,
        method: Callable[[], Ask[Request, Result]],
        stored: Callable[[Result], Answer],
    ) -> tuple[Answer, float]:
        """Ask the engine; the answer is in the journal when this returns."""
        await self._gate.enter()
        self.under_way += 1
        try:
            return await self._asked_now(key, request, method, stored)
        finally:
            self.under_way -= 1

    async def _asked_now(
        self,
        key: bytes,
        request: Request,
        method: Callable[[], Ask[Request, Result]],
        stored: Callable[[Result], Answer],
    ) -> tuple[Answer, float]:
        begin = self._shared
        self._committer.journal.asked(key)
        faultpoint("engine.before_ask")
        results = await method()([request])
        faultpoint("engine.answered")
        if len(results) != 1:
            raise RuntimeError(f"the engine gave {len(results)} answers to 1 request")
        if not self._held:
            hold_identity(self._committer.journal, self._fingerprint, self.traits)
            self._held = True
        self._advance()
        answer, seconds = stored(results[0]), self._shared - begin
        self._note_environment()
        await self._committer.put((key, self._fingerprint, answer, seconds))
        faultpoint("engine.kept")
        return answer, seconds

    def _note_environment(self) -> None:
        """What the engine was found to be goes into the journal with its first answer."""
        if self._noted or self.traits is None:
            return
        self._noted = True
        found = asdict(self.traits)
        parts = (self._fingerprint, json.dumps(found, sort_keys=True))
        self._committer.note(journal_note(ENVIRONMENT, parts, found))


class RoleView:
    """A model in one role of one stage; what components hold (`EngineAccess`)."""

    def __init__(self, gateway: ModelGateway, name: str, role: Role, ledger: Ledger) -> None:
        self._gateway = gateway
        self._name = name
        self._role = role
        self._ledger = ledger

    @property
    def load(self) -> int:
        """Requests of the model that are under way."""
        return self._gateway.load

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
        note(call, self._ledger, remembered=remembered)


def _rounded(answer: TokenLogprobs | Rewards) -> Answer:
    values = [round(value, LOGPROB_DECIMALS) + 0.0 for value in answer.values]
    return {**asdict(answer), "values": values}


def _generation(answer: Answer) -> Generation:
    return Generation(**answer)  # type: ignore[arg-type]  # what `asdict` of a Generation gave


def _values(answer: Answer) -> dict[str, Any]:
    values = answer["values"]
    assert isinstance(values, list)
    return {**answer, "values": tuple(map(float, values))}
