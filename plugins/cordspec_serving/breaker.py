"""A breaker for each replica: after some failures in a row it is left alone for a while, and then tried by one call first."""

from __future__ import annotations

import time
from typing import Final, Literal

from cordspec_api.retrying import LONGEST_PAUSE, pause_before

FAILURES: Final = 3
"""Failures in a row, of calls that may have been under way at the same time, that open it."""
RESTS: Final = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, LONGEST_PAUSE)
"""Seconds that it stays open: the first time, the second time in a row, and so on."""

State = Literal["closed", "open", "half-open"]


class Breaker:
    """Closed: calls go through. Open: none does. Half-open: somebody has to try first, and tells how it went."""

    def __init__(self) -> None:
        self._failures = 0
        self._openings = 0
        self._opened = False
        self._until = 0.0

    @property
    def state(self) -> State:
        if self.rest > 0:
            return "open"
        return "half-open" if self._opened else "closed"

    @property
    def rest(self) -> float:
        """Seconds until it may be asked again; 0 where that is now."""
        return max(0.0, self._until - time.monotonic())

    def failed(self) -> None:
        self._failures += 1
        if self._failures >= FAILURES or self.state == "half-open":
            self.open()

    def open(self) -> None:
        """What happened once is enough."""
        if self.rest > 0:
            return  # calls that were under way together fail together, and count once
        self._until = time.monotonic() + pause_before(self._openings, RESTS, None)
        self._openings += 1
        self._opened = True

    def wait(self, seconds: float) -> None:
        """The server asked to be left alone for so long; it is well."""
        self._until = max(self._until, time.monotonic() + seconds)

    def succeeded(self) -> None:
        if self.state != "open":
            self._failures = self._openings = 0
            self._opened = False
