"""Which faults a seed injects, and when: drawn as the run goes on, until the seed's number of them is spent."""

from __future__ import annotations

import errno
from collections import Counter
from random import Random
from typing import Literal

Kind = Literal["teacher", "prover", "integrator"]
BLOCKING = ("reset before", "reset after", "hang", "down")
"""The engine cannot be asked: the pool's policy decides what comes of it."""
HARMLESS = ("spike", "spike", "slow", "clock")
"""Nothing but time passes."""
FATAL_ANSWERS = ("none", "two", "torn")
"""No answer, two answers, an error that no engine announces: the run fails and is begun again."""
DISK_ERRORS = ("ENOSPC", "EIO")
DISK = ("journal.", "file.", "stage.", "ordered.")
"""Where a disk is written."""
AIMS = (
    "journal.before_begin", "journal.before_commit", "journal.after_commit", "wave.before_decision", "wave.decided",
    "engine.answered", "engine.kept", "stage.begun", "stage.before_receipt", "stage.before_rename", "stage.after_rename",
    "stage.kept", "file.before_sync", "file.before_rename", "file.after_rename", "ordered.part", "ordered.copied",
)  # fmt: skip
"""Points that some fatal faults are kept for: most of them are passed at the very end only."""
MOST_AT_ONCE = 20
SOON = 2.0
"""Calls over which the faults of a run with absences are spread: they make it short."""


class Faults:
    """The faults of one seed.

    Args:
        count: faults in all.
        absence: the pool's policy.
        calls: what a run without faults asks; how densely faults are sown follows from it.
        points: what such a run passes.
    """

    def __init__(self, rng: Random, count: int, absence: str, calls: int, points: int, *, patient: bool) -> None:
        self._rng = rng
        self._absence = absence
        self._calls = calls
        self._fatal = rng.randint(1, 5)
        self._mild, self._count = count - self._fatal, count
        self._gap = max(2.0, points / (self._fatal + 1))
        self._aim = ""
        self._countdown = 0.0
        self._long_outages = int(not patient or rng.random() < 0.1)
        self._garbled = rng.random() < 0.25
        """Whether provers give numbers that are none, later on: a search may end for want of scores."""
        self.injected: Counter[str] = Counter()
        self._next_fatal()

    def at_ask(self, kind: Kind, answered: int) -> list[str]:
        """What happens to a call, in this order; ``answered`` calls are in the journal."""
        if self._due("ask"):
            self._next_fatal()
            fatal = [*FATAL_ANSWERS, "crash later", "stop later"]
            if kind != "teacher" or self._absence == "fail":
                fatal += BLOCKING[:3] * 2
            return [self._inject(self._rng.choice(fatal))]
        left = (self._calls - answered) * {"wait": 0.8, "degrade": 0.12, "fail": 0.5}[self._absence]
        if self._absence == "degrade":
            left = min(left, SOON)
        left = max(1.0, left)
        share = min(self._mild / left, float(MOST_AT_ONCE))
        count = int(share) + (self._rng.random() < share % 1)
        found: list[str] = []
        while len(found) < count and not (found and found[-1] in BLOCKING):
            found.append(self._mild_kind(kind))
            self._mild -= 1
            self._inject(found[-1])
        return found

    def _mild_kind(self, kind: Kind) -> str:
        blocking = kind == "teacher" and self._rng.random() < {"wait": 0.5, "degrade": 0.12, "fail": 0.0}[self._absence]
        if blocking:
            return self._rng.choice(BLOCKING)
        if kind == "prover" and self._garbled and 3 * self._mild < self._count and self._rng.random() < 0.3:
            return "garbled"
        return self._rng.choice(HARMLESS)

    def at_point(self, name: str) -> str:
        """What happens at a fault point: nothing, ``crash``, ``stop``, or the name of an error of the disk."""
        if not self._due(name):
            return ""
        self._next_fatal()
        kinds = ["crash", "crash", "stop"]
        if name.startswith(DISK):
            kinds += DISK_ERRORS
        return self._inject(self._rng.choice(kinds))

    def outage(self) -> float:
        """For how long an engine is away, in seconds: minutes, seldom hours."""
        if self._long_outages and self._rng.random() < 0.2:
            self._long_outages -= 1
            return self._rng.uniform(3_600, 4 * 3_600)
        return self._rng.uniform(5, 40)

    def _inject(self, kind: str) -> str:
        self.injected[kind] += 1
        return kind

    def _due(self, name: str) -> bool:
        if not self._fatal or (self._aim and name != self._aim):
            return False
        self._countdown -= 1
        if self._countdown > 0:
            return False
        self._fatal -= 1
        return True

    def _next_fatal(self) -> None:
        """Draw when the next process ends: at any point, or at the n-th passing of one."""
        self._aim = self._rng.choice(AIMS) if self._rng.random() < 0.5 else ""
        self._countdown = self._rng.randint(1, 3) if self._aim else self._rng.expovariate(1 / self._gap)


def disk_error(name: str) -> OSError:
    """The error of a disk."""
    number = {"ENOSPC": errno.ENOSPC, "EIO": errno.EIO}[name]
    return OSError(number, {"ENOSPC": "No space left on device", "EIO": "Input/output error"}[name])
