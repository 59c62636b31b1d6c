"""HTTP to one server: no redirects, one try, answers of bounded size, errors without keys."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from cordspec.plugin import Unavailable
from cordspec_api.address import Address
from cordspec_api.retrying import retry_after
from cordspec_serving.attempt import count_call, count_taken
from cordspec_serving.backend import NotOffered
from cordspec_serving.clocks import Clocks, Grace
from cordspec_serving.failures import BadScores, Failed
from cordspec_serving.server_events import DONE, Events

if TYPE_CHECKING:
    import aiohttp

LARGEST_ANSWER: Final = 256 * 1024 * 1024
FAILING: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
BUSY: Final = frozenset({425, 429, 503})
"""It is well, and has too much to do now."""
NO_NUMBER: Final = "not JSON compliant"
"""What Python's JSON says of a NaN or an infinity, which vLLM hands on with a status of 500 or in a stream."""
HELP: Final = "look at the server's version and log, and whether its URL leads to it"


class Connection:
    """A server at a base URL such as ``http://host:8000`` (without ``/v1``).

    Attributes:
        progress: what tells whether the server moves; None where nothing does.
        received: events of streams that have come.
    """

    def __init__(self, address: Address, clocks: Clocks | None = None) -> None:
        self._address = address
        self._clocks = clocks or Clocks()
        self._root = address.url.removesuffix("/v1")
        self._session: aiohttp.ClientSession | None = None
        self.progress: Callable[[], Awaitable[float | None]] = _untold
        self.received = 0
        self._connected = 0

    @property
    def name(self) -> str:
        return f"the server {self._root}"

    async def post(self, path: str, body: dict[str, object], written: Mapping[str, str] | None = None) -> Any:
        """The JSON that comes back.

        Args:
            written: further fields whose values are JSON already: long lists of ids that repeat each other.

        Raises:
            NotOffered: the server does not know the path or the fields.
            Failed: it cannot be reached, is busy, or breaks off.
            BadScores: it cannot write a number that it computed.
            Unavailable: it answers with something that is no JSON object.
        """
        return _of_kind(dict, await self._posted(path, body, written or {}), self.name)

    async def post_for_list(self, path: str, body: dict[str, object]) -> list[Any]:
        """As `post`, where a JSON list comes back."""
        found: list[Any] = _of_kind(list, await self._posted(path, body, {}), self.name)
        return found

    async def stream(self, path: str, body: dict[str, object]) -> AsyncGenerator[dict[str, Any], None]:
        """The JSON objects of a stream of events; of a server that answers in one piece, that one. Raises as `post`, and
        `Failed` where the stream stops without its end, tells of an error, or stands still.
        """
        count_call()
        grace = Grace(self.progress, self._clocks.patience)
        async with self._tried("POST", path, _json(body, {}), grace) as reply:
            await self._check(path, reply)
            count_taken()
            if reply.content_type != "text/event-stream":
                yield _of_kind(dict, _parsed(await self._whole(reply), self.name), self.name)
                return
            events, clock = Events(LARGEST_ANSWER, self.name), self._clocks.first_token
            while (chunk := await self._next(reply, clock, grace)) is not None:
                for event in events.of(chunk):
                    if event == DONE:
                        return
                    clock, self.received = self._clocks.between_tokens, self.received + 1
                    yield self._sound(_of_kind(dict, _parsed(event, self.name), self.name))
        raise Failed(f"{self.name} stops in the middle of an answer", lost=True)

    async def get(self, path: str) -> str:
        """The text that comes back; raises as `post`."""
        return (await self._asked("GET", path, None)).decode("utf-8", "replace")

    async def get_object(self, path: str) -> dict[str, Any]:
        """The JSON object that comes back; raises as `post`."""
        found: dict[str, Any] = _of_kind(dict, _parsed(await self._asked("GET", path, None), self.name), self.name)
        return found

    async def renewed(self, path: str) -> bool:
        """Whether a connection had to be opened to get this: none was left of those that were there. Raises as `post`."""
        before = self._connected
        await self.get(path)
        return self._connected != before

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _posted(self, path: str, body: dict[str, object], written: Mapping[str, str]) -> Any:
        count_call()
        content = await self._asked("POST", path, _json(body, written))
        count_taken()
        return _parsed(content, self.name)

    async def _asked(self, method: str, path: str, content: bytes | None) -> bytes:
        async with self._tried(method, path, content) as reply:
            await self._check(path, reply)
            return await self._whole(reply)

    def _tried(self, method: str, path: str, content: bytes | None, grace: Grace | None = None) -> _Trial:
        async def send() -> aiohttp.ClientResponse:
            return await self._opened().request(method, f"{self._root}{path}", data=content, allow_redirects=False)

        return _Trial(self.name, send, self._clocks.first_token, grace)

    async def _check(self, path: str, reply: aiohttp.ClientResponse) -> None:
        """Hold the status of an answer against what each means."""
        if reply.status == 200:
            return
        if 300 <= reply.status < 400:
            raise Unavailable(
                f"{self.name} answers {path} with a redirect, which is not followed", "set its URL to the new place"
            )
        message = self._address.sanitised(_message(await self._whole(reply)))
        if NO_NUMBER in message:
            raise BadScores(f"{self.name} computed a log-probability that is no number: {message}", HELP)
        if reply.status not in FAILING:
            raise NotOffered(f"{self.name} answers {path} with status {reply.status}: {message}")
        raise Failed(
            f"{self.name} gives no answer (status {reply.status}: {message})",
            after=retry_after(reply.headers.get("Retry-After")), busy=reply.status in BUSY,
        )  # fmt: skip

    async def _whole(self, reply: aiohttp.ClientResponse) -> bytes:
        answer = bytearray()
        async for chunk in reply.content.iter_any():
            answer += chunk
            if len(answer) > LARGEST_ANSWER:
                raise Unavailable(f"{self.name} sends an answer of more than {LARGEST_ANSWER >> 20} MiB")
        return bytes(answer)

    async def _next(self, reply: aiohttp.ClientResponse, clock: float, grace: Grace) -> bytes | None:
        """The next piece of a stream, None at its end.

        Raises:
            Failed: none came in time, and the server did nothing else in the meantime.
        """
        while True:
            try:
                async with asyncio.timeout(clock):
                    chunk = await reply.content.readany()
                return chunk or None
            except TimeoutError:
                if not await grace.given():
                    raise Failed(f"{self.name} sent no token for {clock:g} s and did nothing else", lost=True) from None

    def _sound(self, event: dict[str, Any]) -> dict[str, Any]:
        """An event of a stream that tells of no error: the status of 200 was sent before anybody knew."""
        if event.get("error") is None:
            return event
        message = self._address.sanitised(_message(json.dumps(event).encode()))
        if NO_NUMBER in message:
            raise BadScores(f"{self.name} computed a log-probability that is no number: {message}", HELP)
        raise Failed(f"{self.name} breaks an answer off: {message}")

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            import aiohttp

            from cordspec_serving.pinned import PinnedResolver

            trace = aiohttp.TraceConfig()
            trace.on_connection_create_end.append(self._note_connected)
            headers = {"Content-Type": "application/json", "Accept-Encoding": "identity"}
            self._session = aiohttp.ClientSession(
                headers={**self._address.headers, **headers},
                auto_decompress=False,  # compressed answers are not asked for and not unpacked
                connector=aiohttp.TCPConnector(limit=0, resolver=PinnedResolver()),  # the default holds 100, silently
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=self._clocks.connect),
                trust_env=False,
                trace_configs=[trace],
            )
        return self._session

    async def _note_connected(self, *told: object) -> None:
        self._connected += 1


class _Trial:
    """One request, from its headers to the end of its answer; what goes wrong on the way is `Failed`.

    Args:
        send: begins it; gives what comes when the headers are there.
        clock: seconds until then, where ``grace`` is given.
    """

    def __init__(
        self, name: str, send: Callable[[], Awaitable[aiohttp.ClientResponse]], clock: float, grace: Grace | None
    ) -> None:
        self._name, self._send, self._clock, self._grace = name, send, clock, grace
        self._reply: aiohttp.ClientResponse | None = None

    async def __aenter__(self) -> aiohttp.ClientResponse:
        import aiohttp

        sending = asyncio.ensure_future(self._send())
        try:
            while not (await asyncio.wait([sending], timeout=self._clock if self._grace else None))[0]:
                if self._grace is not None and not await self._grace.given():
                    message = f"{self._name} sent no token for {self._clock:g} s and did nothing else"
                    raise Failed(message, lost=True)
            self._reply = sending.result()
        except aiohttp.ClientError as error:
            raise self._lost(error) from None
        finally:
            if not sending.done():
                sending.cancel()
                with suppress(asyncio.CancelledError, aiohttp.ClientError):
                    await sending
        return self._reply

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        import aiohttp

        assert self._reply is not None
        if error is None:
            self._reply.release()
        else:
            self._reply.close()  # the server is told at once that nobody listens any more
        if isinstance(error, aiohttp.ClientError):
            raise self._lost(error) from None

    def _lost(self, error: aiohttp.ClientError) -> Failed:
        return Failed(f"{self._name} gives no answer ({type(error).__name__})", lost=True)


async def _untold() -> float | None:
    return None


def _json(body: dict[str, object], written: Mapping[str, str]) -> bytes:
    fields = [json.dumps(body, separators=(",", ":"))[1:-1], *(f'"{name}":{value}' for name, value in written.items())]
    return f"{{{','.join(filter(None, fields))}}}".encode()


def _parsed(content: bytes, name: str) -> Any:
    try:
        return json.loads(content, parse_constant=_no_constant)
    except _NoNumber as error:
        raise BadScores(f"{name} sends something that is no JSON: {error}", HELP) from None
    except (ValueError, RecursionError) as error:
        raise Failed(f"{name} sends something that is no JSON: {error}", HELP) from None


def _of_kind(kind: type[dict[Any, Any]] | type[list[Any]], answer: Any, name: str) -> Any:
    if not isinstance(answer, kind):
        wanted = "an object" if kind is dict else "a list"
        raise Failed(f"{name} sends a JSON {type(answer).__name__} instead of {wanted}", HELP)
    return answer


class _NoNumber(ValueError):
    """Raised for what Python's JSON knows and JSON does not: NaN and the infinities."""


def _no_constant(name: str) -> float:
    raise _NoNumber(f"{name} is no JSON number")


def _message(answer: bytes) -> str:
    """What an error reply says."""
    try:
        told = json.loads(answer)
        error = told.get("error", told)
        return str(error.get("message", error) if isinstance(error, dict) else error)
    except (ValueError, RecursionError, AttributeError):
        return answer[:200].decode("utf-8", "replace")
