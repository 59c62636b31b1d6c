"""How many scores fail: one is an outcome of its candidate, many are a server that computes garbage."""

from __future__ import annotations

import logging
from collections import deque
from typing import Final

from cordspec.plugin import Unavailable

WINDOW: Final = 1_000
"""The scores that are looked back upon."""
SHARE: Final = 0.005
"""Of a window may fail."""


class ScoreQuality:
    """Counts the failed ones among the latest scores."""

    def __init__(self) -> None:
        self._failures: deque[bool] = deque(maxlen=WINDOW)
        self.failed = 0

    def note_sound(self) -> None:
        self._failures.append(False)

    def note_failed(self, error: Exception) -> None:
        """A score failed: its candidate has none.

        Raises:
            Unavailable: too many of the latest have failed, and the numbers of the others are not to be trusted (E623).
        """
        self.failed += 1
        self._failures.append(True)
        code = getattr(error, "code", "E624")
        logging.getLogger(__name__).warning("%s: a candidate has no score: %s", code, error)
        if sum(self._failures) > SHARE * WINDOW:
            raise Unavailable(
                f"{sum(self._failures)} of the latest {len(self._failures)} scores failed, the last one so: {error}",
                "look at the prover's server: its other numbers are not to be trusted either; the run goes on from here",
                "E623",
            ) from None
