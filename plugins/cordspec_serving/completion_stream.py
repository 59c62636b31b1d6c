"""A completion of ``/v1/completions``, asked for as a stream and put together again. One that is torn is none."""

from __future__ import annotations

from contextlib import aclosing
from typing import Any, Final

from cordspec_serving.attempt import count_orphans
from cordspec_serving.connection import Connection
from cordspec_serving.failures import Failed

PATH: Final = "/v1/completions"
STREAMED: Final[dict[str, object]] = {"stream": True, "stream_options": {"include_usage": True}}
HELP: Final = "look at its version and its log"


async def completion(connection: Connection, body: dict[str, object]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The one choice, as it would have come in one piece, and the usage.

    Raises:
        Failed: it is torn: it has no ``finish_reason``, goes on after it, or is no completion. What came is thrown away, and
            counted: its tokens, or its pieces where a server tells no tokens.
        NotOffered, BadScores, Unavailable: as `Connection.post`.
    """
    texts: list[str] = []
    ids: list[Any] = []
    with_ids = False
    last: dict[str, Any] = {}
    usage: dict[str, Any] = {}
    try:
        async with aclosing(connection.stream(PATH, body)) as events:
            async for event in events:
                usage = event["usage"] if isinstance(event.get("usage"), dict) else usage
                for choice in _choices(event, connection.name):
                    if last.get("finish_reason") is not None:
                        raise Failed(f"{connection.name} sends a completion that goes on after its end", HELP)
                    last = choice
                    texts.append(choice["text"])
                    if isinstance(choice.get("token_ids"), list):
                        with_ids = True
                        ids += choice["token_ids"]
        if not last:
            raise Failed(f"{connection.name} sends not one completion", HELP)
        if last.get("finish_reason") is None:
            raise Failed(f"{connection.name} sends a completion without its end", HELP)
    except BaseException:  # given up, too
        count_orphans(len(ids) if with_ids else len(texts))
        raise
    return last | {"text": "".join(texts)} | ({"token_ids": ids} if with_ids else {}), usage


def _choices(event: dict[str, Any], name: str) -> list[dict[str, Any]]:
    choices = event.get("choices")
    if not isinstance(choices, list) or len(choices) > 1 or not all(isinstance(one, dict) for one in choices):
        raise Failed(f"{name} sends not one completion", HELP)
    if any(not isinstance(one.get("text"), str) for one in choices):
        raise Failed(f"{name} sends a completion without text", HELP)
    return choices
