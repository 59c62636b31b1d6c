"""Asking again: after how long, and how often in all. What is asked again is the same request, with the same seed."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from email.utils import parsedate_to_datetime
from typing import Final

SHARE: Final = 0.1
"""Calls that may be repeated for each call that is made."""
MOST: Final = 256.0
"""What a long quiet time saves up: about as many calls as are under way when a server is restarted."""
LONGEST_PAUSE: Final = 60.0
"""Seconds that are waited in one place; a server that names a longer time is left until then."""
_JITTER: Final = random.Random()  # without a seed: it decides when something is asked, and never what


class RetryBudget:
    """A token bucket that every call fills by a tenth and every repeated call empties by one, so that at no time more than a
    tenth of the calls are repeated ones: servers in trouble are not asked more than servers that are well.

    Args:
        start: repetitions that are allowed before anything was asked.
    """

    def __init__(self, start: float = 0.0) -> None:
        self._left = start
        self.repeated = 0

    def made(self) -> None:
        """A call is made for the first time."""
        self._left = min(MOST, self._left + SHARE)

    @property
    def spent(self) -> bool:
        """Whether nothing may be repeated now."""
        return self._left < 1.0 - 1e-9

    def take(self) -> bool:
        """Whether a call may be repeated now; then it is counted."""
        if self.spent:
            return False
        self._left -= 1.0
        self.repeated += 1
        return True


def pause_before(again: int, pauses: Sequence[float], named: float | None) -> float:
    """Seconds before a call is repeated: a little more than what the server named, or else one of the growing pauses, give or
    take a half, so that those who failed together do not come back together.

    Args:
        again: how often it has been repeated already.
    """
    if named is not None:
        return named * (1.0 + 0.1 * _JITTER.random())
    return pauses[min(again, len(pauses) - 1)] * (0.5 + _JITTER.random())


def retry_after(value: str | None) -> float | None:
    """The seconds that a ``Retry-After`` header names, as a number or as a date; None where it names no time to come."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - time.time()  # a date is told by the clock on the wall
        except (ValueError, OverflowError):
            return None
        seconds = seconds if seconds > 0 else -1.0
    return seconds if 0 <= seconds < float("inf") else None
