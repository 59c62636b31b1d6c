"""HTTP to one server: no redirects, bounded retries, answers of bounded size, errors without keys."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from cordspec.plugin import Unavailable
from cordspec_api.address import Address
from cordspec_serving.backend import NotOffered

if TYPE_CHECKING:
    import aiohttp

LARGEST_ANSWER: Final = 256 * 1024 * 1024
BUSY: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
PAUSES: Final = (0.2, 1.0, 4.0)
"""Seconds before each further try; a request carries its seed, so asking twice changes nothing."""
TO_CONNECT: Final = 10.0
HELP: Final = "look at the server's version and log, and whether its URL leads to it"


class Connection:
    """A server at a base URL such as ``http://host:8000`` (without ``/v1``)."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._root = address.url.removesuffix("/v1")
        self._session: aiohttp.ClientSession | None = None

    @property
    def name(self) -> str:
        return f"the server {self._root}"

    async def post(self, path: str, body: dict[str, object], written: Mapping[str, str] | None = None) -> Any:
        """The JSON that comes back.

        Args:
            written: further fields whose values are JSON already: long lists of ids that repeat each other.

        Raises:
            NotOffered: the server does not know the path or the fields.
            Unavailable: it cannot be reached, stays busy, or answers with something that is no JSON object.
        """
        return _of_kind(dict, await self._posted(path, body, written or {}), self.name)

    async def post_for_list(self, path: str, body: dict[str, object]) -> list[Any]:
        """As `post`, where a JSON list comes back."""
        found: list[Any] = _of_kind(list, await self._posted(path, body, {}), self.name)
        return found

    async def get(self, path: str) -> str:
        """The text that comes back; raises as `post`."""
        return (await self._tried("GET", path, None)).decode("utf-8", "replace")

    async def get_object(self, path: str) -> dict[str, Any]:
        """The JSON object that comes back; raises as `post`."""
        found: dict[str, Any] = _of_kind(dict, _parsed(await self._tried("GET", path, None), self.name), self.name)
        return found

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _posted(self, path: str, body: dict[str, object], written: Mapping[str, str]) -> Any:
        fields = [
            json.dumps(body, separators=(",", ":"))[1:-1],
            *(f'"{name}":{value}' for name, value in written.items()),
        ]
        content = f"{{{','.join(filter(None, fields))}}}".encode()
        return _parsed(await self._tried("POST", path, content), self.name)

    async def _tried(self, method: str, path: str, content: bytes | None) -> bytes:
        import aiohttp

        said = ""
        for pause in (*PAUSES, None):
            try:
                status, answer = await self._once(method, path, content)
            except aiohttp.ClientError as error:
                said = type(error).__name__
            else:
                if status == 200:
                    return answer
                if 300 <= status < 400:
                    raise Unavailable(
                        f"{self.name} answers {path} with a redirect, which is not followed",
                        "set its URL to the new place",
                    )
                message = self._address.sanitised(_message(answer))
                if status not in BUSY:
                    raise NotOffered(f"{self.name} answers {path} with status {status}: {message}")
                said = f"status {status}: {message}"
            if pause is not None:
                await asyncio.sleep(pause)
        raise Unavailable(f"{self.name} gives no answer ({said})", "see that it runs, then give the command again")

    async def _once(self, method: str, path: str, content: bytes | None) -> tuple[int, bytes]:
        async with self._opened().request(method, f"{self._root}{path}", data=content, allow_redirects=False) as reply:
            answer = bytearray()
            async for chunk in reply.content.iter_any():
                answer += chunk
                if len(answer) > LARGEST_ANSWER:
                    raise Unavailable(f"{self.name} sends an answer of more than {LARGEST_ANSWER >> 20} MiB")
            return reply.status, bytes(answer)

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            import aiohttp

            self._session = aiohttp.ClientSession(
                headers={**self._address.headers, "Content-Type": "application/json"},
                connector=aiohttp.TCPConnector(limit=0),  # the default holds 100 requests at most, silently
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=TO_CONNECT),
                trust_env=False,
            )
        return self._session


def _parsed(content: bytes, name: str) -> Any:
    try:
        return json.loads(content, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise Unavailable(f"{name} sends something that is no JSON: {error}", HELP) from None


def _of_kind(kind: type[dict[Any, Any]] | type[list[Any]], answer: Any, name: str) -> Any:
    if not isinstance(answer, kind):
        wanted = "an object" if kind is dict else "a list"
        raise Unavailable(f"{name} sends a JSON {type(answer).__name__} instead of {wanted}", HELP)
    return answer


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON number")


def _message(answer: bytes) -> str:
    """What an error reply says."""
    try:
        told = json.loads(answer)
        error = told.get("error", told)
        return str(error.get("message", error) if isinstance(error, dict) else error)
    except (ValueError, RecursionError, AttributeError):
        return answer[:200].decode("utf-8", "replace")
