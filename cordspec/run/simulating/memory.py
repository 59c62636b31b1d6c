"""The KV memory of a replica: states that requests use, and states that are held for later until their room is needed."""

from __future__ import annotations

from typing import Final

from cordspec.run.simulating.jobs import Job
from cordspec.run.simulating.prefixes import PrefixStore

BLOCK: Final = 16
"""Held states are reused, and room is made, in blocks of so many tokens."""


class Memory:
    """Room for ``resident`` tokens. A prefix counts as held from when its first request comes in."""

    def __init__(self, resident: int) -> None:
        self.resident = resident
        self.own = 0
        """Tokens of requests at work that are in no piece yet."""
        self.reused = 0
        """Prompt tokens found in held states."""
        self._store = PrefixStore()
        self.gaps = self._store.gaps

    @property
    def used(self) -> int:
        """Tokens that requests at work need."""
        return self._store.used + self.own

    def fits(self, job: Job) -> bool:
        """Whether a request finds room for its prompt beside what is in use."""
        path = self._store.find(job.pieces)
        shared = sum(node.tokens for node in path if node.users)
        return self.used + job.context - shared <= self.resident

    def admit(self, job: Job, now: float) -> None:
        """Let a request in: what is held of its prompt need not be computed."""
        held = self._store.find(job.pieces)
        self._store.take(held, now)
        found = min(sum(node.tokens for node in held), job.prompt - 1) // BLOCK * BLOCK
        self.reused += found
        job.todo = job.context - found
        job.path = self._store.grow(held, job.pieces[len(held) :], now)
        self.own += job.own
        self._make_room(0)

    def drop(self, job: Job, now: float) -> None:
        """A request has to make room: what is its own is lost."""
        self.own -= job.own
        self._store.release(job.path, now)
        job.path = []

    def keep(self, job: Job, now: float) -> None:
        """A request is over: its states are held for later, with what it wrote."""
        self.own -= job.own
        job.path = self._store.grow(job.path, job.written, now)
        self._store.release(job.path, now)
        self._make_room(0)

    def can_grow(self, batch: int) -> bool:
        """Whether so many sequences can be longer by a token."""
        return self.used + batch <= self.resident

    def growth(self, batch: int) -> int:
        """By how many tokens each of so many sequences can grow, at least 1; room for a block each is made if it can be."""
        self._make_room(batch * BLOCK)
        return max(1, (self.resident - self.used - self._store.unused) // batch)

    def _make_room(self, tokens: int) -> None:
        """Give up unused states until so many more tokens fit, as far as there are such."""
        self._store.shrink(self.used + self._store.unused + tokens - self.resident)
