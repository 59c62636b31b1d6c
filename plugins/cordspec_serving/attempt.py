"""What the calls that are made now belong to: known where calls are made, however deep below whoever asks and asks again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from cordspec_api.retrying import RetryBudget
from cordspec_serving.failures import BudgetSpent


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to get an answer, which may take several calls.

    Attributes:
        taken: called when the server has begun on a call.
        orphaned: called with the number of tokens that a server has drawn for nobody.
    """

    budget: RetryBudget
    repeated: bool
    taken: Callable[[], None] = lambda: None
    orphaned: Callable[[int], None] = lambda tokens: None


_NOW: ContextVar[Attempt | None] = ContextVar("cordspec_attempt", default=None)


@contextmanager
def attempted(attempt: Attempt) -> Iterator[None]:
    """Calls that are made inside belong to this try."""
    token = _NOW.set(attempt)
    try:
        yield
    finally:
        _NOW.reset(token)


def count_call() -> None:
    """A call is about to be made.

    Raises:
        BudgetSpent: it is a repeated one, and too many have been repeated.
    """
    attempt = _NOW.get()
    if attempt is None:
        return
    if not attempt.repeated:
        attempt.budget.made()
    elif not attempt.budget.take():
        raise BudgetSpent(
            "a tenth of all calls have been repeated, and no more are", "look at the servers and their logs"
        )


def count_taken() -> None:
    """A server has begun on a call, or answered it."""
    if (attempt := _NOW.get()) is not None:
        attempt.taken()


def count_orphans(tokens: int) -> None:
    """So many tokens came of an answer that nobody has: it was torn, or nobody waits for it any more."""
    if (attempt := _NOW.get()) is not None:
        attempt.orphaned(tokens)
