"""Chat completions over HTTP: bounded retries, no redirects, as much at once as the service takes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from cordspec.plugin import (
    EngineCounters,
    EngineTraits,
    GenerateRequest,
    Generation,
    Prompt,
    RewardRequest,
    Rewards,
    ScoreRequest,
    Segment,
    TokenLogprobs,
    Unavailable,
    prompt_text,
)
from cordspec_api.adaptive_limit import AdaptiveLimit
from cordspec_api.address import Address
from cordspec_api.replies import Reply, error_code, error_message, generation
from cordspec_api.retrying import LONGEST_PAUSE, RetryBudget, pause_before, retry_after

if TYPE_CHECKING:
    import httpx2

CHARACTERS_A_TOKEN = 4
"""A stated estimate: what a token is, only the service knows."""
FIRST_PAUSE = 0.5
REPETITIONS = 10.0
"""Calls that may be repeated before anything was answered, beside one for every ten."""
LARGEST_REPLY = 64 * 1024 * 1024
SEEDS = 2**31
"""Services take seeds of 31 bits."""
BUSY = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
FULL = frozenset({425, 429, 503, 529})
"""It has too much to do, of ours or of others."""


@dataclass(frozen=True, slots=True)
class Manners:
    """How a service is asked. ``timeout`` is for one whole answer, in seconds."""

    model: str
    limit: Literal["max_completion_tokens", "max_tokens"]
    sampling: Literal["given", "service"]
    retries: int
    timeout: float
    concurrency: int


class _Busy(Exception):
    """Worth asking again, after ``pause`` seconds if the server named a time; ``full`` says that it has too much to do."""

    def __init__(self, message: str, pause: float | None = None, full: bool = False) -> None:
        super().__init__(message)
        self.pause, self.full = pause, full


class ApiEngine:
    """One model of a service. A request is one user message; its answer is the message that comes back."""

    def __init__(self, address: Address, manners: Manners) -> None:
        self._address = address
        self._manners = manners
        self._room = AdaptiveLimit(manners.concurrency)
        self._client: httpx2.AsyncClient | None = None
        self._budget = RetryBudget(REPETITIONS)
        self._paid: dict[GenerateRequest, Generation] = {}
        self._prefilled = self._reused = self._generated = 0

    @property
    def counters(self) -> EngineCounters:
        return EngineCounters(self._prefilled, self._reused, self._generated, repeated=self._budget.repeated)

    @property
    def traits(self) -> EngineTraits:
        return EngineTraits("chat completions", block=0)

    def opening(self, question: str) -> Prompt:
        """The message itself: the service has the template."""
        return (Segment(question),)

    def count_tokens(self, text: str) -> int:
        """An estimate: a token for every four characters, rounded up."""
        return -(-len(text) // CHARACTERS_A_TOKEN)

    async def generate(self, requests: Sequence[GenerateRequest]) -> Sequence[Generation]:
        """Ask for all of them side by side. If one fails, the answers of the others are held for when they are asked again:
        they were paid for.
        """
        found = await asyncio.gather(*(self._generation(request) for request in requests), return_exceptions=True)
        failed = [one for one in found if isinstance(one, BaseException)]
        answers = [one for one in found if isinstance(one, Generation)]
        if failed:
            self._paid.update((r, one) for r, one in zip(requests, found, strict=True) if isinstance(one, Generation))
            raise failed[0]
        return answers

    async def score(self, requests: Sequence[ScoreRequest]) -> Sequence[TokenLogprobs]:
        raise Unavailable(
            "a chat service gives no log-probabilities of a given text", "name a model that is run locally"
        )

    async def reward(self, requests: Sequence[RewardRequest]) -> Sequence[Rewards]:
        raise Unavailable("a chat service gives no rewards of steps", "name a reward model that is run locally")

    async def close(self) -> None:
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def _generation(self, request: GenerateRequest) -> Generation:
        if request in self._paid:
            return self._paid.pop(request)
        reply = await self._reply(self._body(request))
        answer = generation(reply, request, self.count_tokens)
        self._prefilled += answer.prefilled
        self._reused += answer.prompt_tokens - answer.prefilled
        self._generated += answer.tokens
        return answer

    def _body(self, request: GenerateRequest) -> dict[str, object]:
        body: dict[str, object] = {
            "model": self._manners.model,
            "messages": [{"role": "user", "content": prompt_text(request.prompt)}],
            self._manners.limit: request.max_tokens,
            "seed": request.seed % SEEDS,
            "stream": False,
        }
        if self._manners.sampling == "given":
            body |= {"temperature": request.sampling.temperature, "top_p": request.sampling.top_p}
        return body

    async def _reply(self, body: dict[str, object]) -> Reply:
        """The service's answer, asked for again while it is busy or out of reach, and while not too many were."""
        self._budget.made()
        pause = FIRST_PAUSE
        for left in range(self._manners.retries, -1, -1):
            try:
                async with self._room.slot():
                    return await self._taken(body)
            except _Busy as busy:
                named = busy.pause or 0.0
                if not left or named > LONGEST_PAUSE or not self._budget.take():
                    later = f"; it says to come back in {named:g} s" if named > LONGEST_PAUSE else ""
                    raise self._unavailable(
                        f"{busy}{later}", "give the same command again later: nothing is lost"
                    ) from None
                await asyncio.sleep(pause_before(0, (pause,), busy.pause))
                pause = min(2 * pause, LONGEST_PAUSE)
        raise AssertionError("the last try answers or raises")

    async def _taken(self, body: dict[str, object]) -> Reply:
        """One try in its slot."""
        try:
            reply = await self._asked(body)
        except _Busy as busy:
            if busy.full:
                self._room.refused()
            raise
        self._room.taken()
        return reply

    async def _asked(self, body: dict[str, object]) -> Reply:
        """One try. Errors are told without their causes, which hold the request with its headers."""
        import httpx2

        try:
            async with asyncio.timeout(self._manners.timeout):
                status, headers, content = await self._posted(body)
        except (TimeoutError, httpx2.TimeoutException):
            raise _Busy(f"no answer within {self._manners.timeout:g} s") from None
        except httpx2.RequestError as error:
            raise _Busy(f"no connection, or none to the end ({type(error).__name__})") from None
        except httpx2.InvalidURL:
            raise self._unavailable("no connection: its URL cannot be used", "write it like https://host/v1") from None
        if status == 200:
            return self._read(content)
        said = self._address.sanitised(error_message(content))
        told = f"status {status}" + (f": {said}" if said else "")
        if 300 <= status < 400:
            raise self._unavailable(
                f"status {status}, a redirect, which is not followed", "set its URL to the new place"
            )
        if status in BUSY:
            raise _Busy(told, retry_after(headers.get("retry-after")), status in FULL)
        if error_code(content) == "context_length_exceeded":
            return Reply.too_long()
        raise self._unavailable(told, "look at the key, the model's name and the settings")

    async def _posted(self, body: dict[str, object]) -> tuple[int, httpx2.Headers, bytes]:
        import httpx2

        if self._client is None:
            from cordspec_api.pinned import PinnedTransport

            # the environment names no proxy and no other key; compressed answers are not asked for and not unpacked
            self._client = httpx2.AsyncClient(
                headers={**self._address.headers, "Accept-Encoding": "identity"}, timeout=self._manners.timeout,
                follow_redirects=False, trust_env=False, transport=PinnedTransport(),
            )  # fmt: skip
        content = bytearray()
        async with self._client.stream("POST", f"{self._address.url}/chat/completions", json=body) as reply:
            async for chunk in reply.aiter_raw():
                content += chunk
                if len(content) > LARGEST_REPLY:
                    raise self._unavailable(f"an answer of more than {LARGEST_REPLY >> 20} MiB")
        return reply.status_code, reply.headers, bytes(content)

    def _read(self, content: bytes) -> Reply:
        try:
            return Reply.of(json.loads(content))
        except (ValueError, RecursionError, KeyError, TypeError, IndexError, AttributeError):
            raise _Busy("an answer that is no chat completion") from None

    def _unavailable(self, message: str, help: str = "") -> Unavailable:
        return Unavailable(f"the service `{self._address.service}` gave {message}", help)
