"""Chat completions over HTTP: bounded retries, no redirects, a limit on how much is asked at once."""

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
from cordspec_api.address import Address
from cordspec_api.replies import Reply, error_code, error_message, generation

if TYPE_CHECKING:
    import httpx2

CHARACTERS_A_TOKEN = 4
"""A stated estimate: what a token is, only the service knows."""
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 60.0
LARGEST_REPLY = 64 * 1024 * 1024
SEEDS = 2**31
"""Services take seeds of 31 bits."""
BUSY = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})


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
    """Worth asking again, after ``pause`` seconds if the server named a time."""

    def __init__(self, message: str, pause: float | None = None) -> None:
        super().__init__(message)
        self.pause = pause


class ApiEngine:
    """One model of a service. A request is one user message; its answer is the message that comes back."""

    def __init__(self, address: Address, manners: Manners) -> None:
        self._address = address
        self._manners = manners
        self._slots = asyncio.Semaphore(manners.concurrency)
        self._client: httpx2.AsyncClient | None = None
        self._paid: dict[GenerateRequest, Generation] = {}
        self._prefilled = self._reused = self._generated = 0

    @property
    def counters(self) -> EngineCounters:
        return EngineCounters(self._prefilled, self._reused, self._generated)

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
        async with self._slots:
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
        """The service's answer, asked for again while it is busy or out of reach."""
        pause = FIRST_PAUSE
        for left in range(self._manners.retries, -1, -1):
            try:
                return await self._asked(body)
            except _Busy as busy:
                named = busy.pause if busy.pause is not None else pause
                if not left or named > LONGEST_PAUSE:
                    later = f"; it says to come back in {named:g} s" if named > LONGEST_PAUSE else ""
                    raise self._unavailable(
                        f"{busy}{later}", "give the same command again later: nothing is lost"
                    ) from None
                await asyncio.sleep(named)
                pause = min(2 * pause, LONGEST_PAUSE)
        raise AssertionError("the last try answers or raises")

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
            raise _Busy(told, _retry_after(headers))
        if error_code(content) == "context_length_exceeded":
            return Reply.too_long()
        raise self._unavailable(told, "look at the key, the model's name and the settings")

    async def _posted(self, body: dict[str, object]) -> tuple[int, httpx2.Headers, bytes]:
        import httpx2

        if self._client is None:
            self._client = httpx2.AsyncClient(
                headers=self._address.headers, timeout=self._manners.timeout, follow_redirects=False
            )
        content = bytearray()
        async with self._client.stream("POST", f"{self._address.url}/chat/completions", json=body) as reply:
            async for chunk in reply.aiter_bytes():
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


def _retry_after(headers: httpx2.Headers) -> float | None:
    """The seconds of a Retry-After; a date is left to our own pauses."""
    try:
        seconds = float(headers.get("retry-after", ""))
    except ValueError:
        return None
    return seconds if 0 <= seconds < float("inf") else None
