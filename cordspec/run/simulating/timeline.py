"""What a replica did when: batches and states over time, and how much of the time it was busy."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Final

FULL: Final = 0.9
"""Memory counts as full from this share of what fits."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Iterations with the same sequences: ``batch`` of them, of ``context`` tokens in all at its end, wrote ``written``
    tokens; ``used`` are the tokens whose states requests at work need, ``waiting`` the requests that had no room.
    """

    begin: float
    end: float
    batch: int
    context: int
    used: int
    waiting: int
    written: int


@dataclass(frozen=True, slots=True)
class Shares:
    """Shares of a window of time, and means over it."""

    working: float
    """Anything was computed."""
    saturated: float
    """The batch was at the size at which throughput saturates."""
    full: float
    """The memory was full of states that requests used, or that later requests used again."""
    busy: float
    """Either of the two."""
    strictly_busy: float
    """As ``busy``, where only the states of requests at work count."""
    batch: float
    """Mean sequences while it worked."""
    held: float
    """Mean share of the memory whose states requests used, or later requests used again, while it worked."""
    written: float
    """Tokens a second."""


@dataclass(slots=True)
class Timeline:
    """The stretches of one replica in order, and when which states were held for later (begin, end, tokens)."""

    resident: int
    saturated: Callable[[int, int], bool]
    stretches: list[Stretch] = field(default_factory=list)
    gaps: list[tuple[float, float, int]] = field(default_factory=list)

    def shares(self, begin: float, end: float) -> Shares:
        """What it did between two times."""
        whole = max(end - begin, 1e-9)
        worked = saturated = full = busy = strictly = sequences = states = written = 0.0
        for seconds, one, held in self._between(begin, end):
            worked += seconds
            sequences += seconds * one.batch
            states += seconds * (one.used + held)
            written += seconds / (one.end - one.begin) * one.written
            at_size = self.saturated(one.batch, one.context)
            is_full = one.used + held >= FULL * self.resident
            saturated += seconds * at_size
            full += seconds * is_full
            busy += seconds * (at_size or is_full)
            strictly += seconds * (at_size or one.used >= FULL * self.resident)
        working = max(worked, 1e-9)
        return Shares(
            worked / whole, saturated / whole, full / whole, busy / whole, strictly / whole, sequences / working,
            states / working / self.resident, written / whole,
        )  # fmt: skip

    def _between(self, begin: float, end: float) -> Iterator[tuple[float, Stretch, int]]:
        """Seconds of each stretch inside a window, the stretch, and the tokens held for later at its end."""
        starts, started = _running((gap[0], gap[2]) for gap in self.gaps)
        ends, ended = _running((gap[1], gap[2]) for gap in self.gaps)
        for one in self.stretches:
            seconds = min(one.end, end) - max(one.begin, begin)
            if seconds > 0:
                held = started[bisect_right(starts, one.end)] - ended[bisect_right(ends, one.end)]
                yield seconds, one, held


def _running(steps: Iterator[tuple[float, int]]) -> tuple[list[float], list[int]]:
    """Times in order, and the sum of tokens before each of them and after the last."""
    ordered = sorted(steps)
    return [time for time, _ in ordered], [0, *accumulate(tokens for _, tokens in ordered)]
