"""Which calls of engines were made for what: a task collects those that it and its own tasks cause."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from cordspec.domain.inference import Call
from cordspec.run.ledger import Ledger


@dataclass(slots=True)
class Calls:
    """The calls behind one result, in the order in which they ended. They are counted when it is known what became of it."""

    _noted: list[tuple[Call, Ledger, bool]] = field(default_factory=list)

    @property
    def made(self) -> tuple[Call, ...]:
        return tuple(call for call, _, _ in self._noted)

    @property
    def asked_anew(self) -> bool:
        """Whether an engine was asked anything for it that was not known."""
        return any(not remembered for _, _, remembered in self._noted)

    def add(self, call: Call, ledger: Ledger, *, remembered: bool) -> None:
        self._noted.append((call, ledger, remembered))

    def count(self) -> None:
        """The result was used."""
        for call, ledger, remembered in self._noted:
            ledger.add(call, remembered=remembered)

    def count_as_wasted(self) -> None:
        """The result was not needed in the end."""
        for call, ledger, remembered in self._noted:
            if not remembered:
                ledger.waste(call)


_COLLECTING: ContextVar[Calls | None] = ContextVar("cordspec_calls", default=None)


@contextmanager
def collected() -> Iterator[Calls]:
    """Where every call goes that is made inside; whoever collects them counts them."""
    calls = Calls()
    token = _COLLECTING.set(calls)
    try:
        yield calls
    finally:
        _COLLECTING.reset(token)


def note(call: Call, ledger: Ledger, *, remembered: bool) -> None:
    """Put a call where this task's calls are collected, or count it at once if they are not."""
    calls = _COLLECTING.get()
    if calls is None:
        ledger.add(call, remembered=remembered)
    else:
        calls.add(call, ledger, remembered=remembered)
