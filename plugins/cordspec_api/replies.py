"""Chat completions, read strictly: what a reply lacks makes it malformed, and is not guessed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

from cordspec.plugin import GenerateRequest, Generation

FINISHES = frozenset({"stop", "length", "content_filter", "tool_calls", "function_call"})


@dataclass(frozen=True, slots=True)
class Reply:
    """What is used of a chat completion. Counts are the service's, None where it gives none."""

    text: str
    finish: str
    prompt_tokens: int | None = None
    cached_tokens: int = 0
    completion_tokens: int | None = None

    @classmethod
    def of(cls, reply: Any) -> Self:
        """The reply of a parsed body.

        Raises:
            ValueError, KeyError, TypeError, IndexError, AttributeError: it is no chat completion.
        """
        choice = reply["choices"][0]
        text, finish = choice["message"].get("content"), choice["finish_reason"]
        if not isinstance(text, str | None) or finish not in FINISHES:
            raise ValueError("not a chat completion")
        usage = reply.get("usage") or {}
        details = usage.get("prompt_tokens_details") or {}
        return cls(
            text or "",
            finish,
            _count(usage.get("prompt_tokens")),
            _count(details.get("cached_tokens")) or 0,
            _count(usage.get("completion_tokens")),
        )

    @classmethod
    def too_long(cls) -> Self:
        """The message does not fit into the model's context: nothing was generated."""
        return cls("", "length", 0, 0, 0)


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def generation(reply: Reply, request: GenerateRequest, estimate: Callable[[str], int]) -> Generation:
    """A reply as an engine's answer. Stop strings are looked for here: services do not say which one it was, and some
    take only four. A message that a filter kept back, or that calls tools, ends as it stands.
    """
    read = reply.prompt_tokens
    if read is None:
        read = sum(estimate(segment.text) for segment in request.prompt)
    wrote = estimate(reply.text) if reply.completion_tokens is None else reply.completion_tokens
    new = max(0, read - reply.cached_tokens)
    found = min(
        ((place, stop) for stop in request.stop if (place := reply.text.find(stop)) >= 0), default=None
    )  # fmt: skip
    if found is not None:
        return Generation(reply.text[: found[0]], wrote, "stop", found[1], read, new)
    return Generation(reply.text, wrote, "length" if reply.finish == "length" else "end", None, read, new)


def error_message(content: bytes) -> str:
    """What a service says is wrong, as it says it; empty where it says nothing that can be read."""
    error = _error(content)
    message = error.get("message") if isinstance(error, dict) else error
    return message if isinstance(message, str) else ""


def error_code(content: bytes) -> object:
    """The service's own name for what is wrong."""
    error = _error(content)
    return error.get("code") if isinstance(error, dict) else None


def _error(content: bytes) -> Any:
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return found.get("error") if isinstance(found, dict) else None
