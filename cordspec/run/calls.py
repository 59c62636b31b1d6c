"""Which calls of engines were made for what: a task collects those that it and its own tasks cause."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from cordspec.domain.inference import Call

_COLLECTING: ContextVar[list[Call] | None] = ContextVar("cordspec_calls", default=None)


@contextmanager
def collected() -> Iterator[list[Call]]:
    """The list into which every call goes that is made inside."""
    calls: list[Call] = []
    token = _COLLECTING.set(calls)
    try:
        yield calls
    finally:
        _COLLECTING.reset(token)


def note(call: Call) -> None:
    """Put a call into the innermost list of this task, if there is one."""
    calls = _COLLECTING.get()
    if calls is not None:
        calls.append(call)
