"""What happened in a simulated world, and what must never happen in one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Literal

State = Literal["asked", "answered", "lost", "cut"]
"""Of a call whose answer is not in the journal: under way in an engine, answered by it, lost (it failed or was given up), or
cut off by the end of its process."""
WEEK = 7 * 24 * 3_600.0
SHOWN = 60
"""Lines of a trace that a failure shows."""


class Record:
    """Everything that the world outside of the processes knows, over all processes of a seed.

    Args:
        most: problems that may be under way at a time.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self.kept: dict[bytes, str] = {}
        """The answers of which somebody was told that they are kept, as JSON."""
        self._putting: dict[bytes, str] = {}
        """Answers on their way into the journal now."""
        self._perhaps: dict[bytes, list[str]] = {}
        """Answers that were put, and nobody was told what came of it."""
        self._states: dict[bytes, State] = {}
        self._seen: set[bytes] = set()
        """Keys that an engine was ever asked for; the journal may keep other things too."""
        self._under_way: dict[bytes, str] = {}
        """Calls that an engine works on, with their problems."""
        self.decisions: dict[tuple[str, int], str] = {}
        self.alive = False
        """Whether a run is under way."""
        self.crashed = False
        """Whether the process was killed: what its corpse does counts for nothing."""
        self.calls = 0
        self.asked_again = 0
        self.at_risk = 0
        """Calls that were under way when a process ended, over all processes."""
        self.points = 0
        self.violations: list[str] = []
        self.now = 0.0
        self._blows: dict[str, float] = {}
        """When a fault last happened that may end a run, by the code of the diagnostic that the run may end with."""
        self._lines: list[str] = []
        self._hash = hashlib.sha256()

    @property
    def digest(self) -> str:
        """The hash of all that was noted."""
        return self._hash.hexdigest()

    @property
    def lines(self) -> list[str]:
        return list(self._lines)

    def note(self, *said: object) -> None:
        """One line of the trace."""
        line = f"{self.now:.6f} {' '.join(map(str, said))}"
        self._lines.append(line)
        self._hash.update(line.encode() + b"\n")

    def violate(self, said: str) -> None:
        """An invariant does not hold."""
        if self.crashed:
            return
        self.note("VIOLATED", said)
        self.violations.append(f"at {self.now:.3f} s: {said}")

    def blow(self, code: str) -> None:
        """Something happens now that may end a run with this diagnostic."""
        self._blows[code] = self.now

    def failed(self, code: str) -> None:
        """A run ended with a diagnostic: something must have happened at this very moment that is a reason for it."""
        lasting = code == "E702"  # a disk that failed stays so
        if code not in self._blows or (self._blows[code] != self.now and not lasting):
            self.violate(f"the run ends with {code}, and nothing happens now that is a reason for it")

    def asked(self, key: bytes, problem: str) -> None:
        """An engine is asked something."""
        self.calls += 1
        self.note("ask", key.hex()[:8])
        if not self.alive:
            self.violate("an engine is asked after the end of the run")
        if key in self.kept:
            self.violate("an engine is asked what is in the journal")
        state = self._states.get(key)
        if state in ("asked", "answered"):
            self.violate(f"an engine is asked again what it was {state}")
        self.asked_again += state == "cut"
        self._states[key] = "asked"
        self._seen.add(key)
        self._under_way[key] = problem
        if len(set(self._under_way.values())) > self._most:
            self.violate(f"more than {self._most} problems are under way")

    def left(self, key: bytes, state: State) -> None:
        """An engine works on it no more."""
        if self.crashed:
            return
        self._under_way.pop(key, None)
        self._states[key] = state
        self.note(state, key.hex()[:8])

    def putting(self, rows: Mapping[bytes, str]) -> None:
        """Answers are on their way into the journal."""
        if self.crashed:
            return
        self._putting = dict(rows)
        for key, answer in rows.items():
            self._perhaps.setdefault(key, []).append(answer)

    def committed(self) -> None:
        """They are in the journal, whether or not somebody is told."""
        if self.crashed:
            return
        for key, answer in self._putting.items():
            if key in self.kept and key in self._states:
                self.violate("an answer is put into the journal twice")
            self._now_kept(key, answer)
        if self._putting:
            self.note("kept", *sorted(key.hex()[:8] for key in self._putting))
        self._putting = {}

    def not_put(self) -> None:
        """They could not be put, and may be asked for again."""
        if self.crashed:
            return
        for key in self._seen.intersection(self._putting):
            self._states[key] = "lost"
        self._putting = {}

    def _now_kept(self, key: bytes, answer: str) -> None:
        self.kept.setdefault(key, answer)
        self._perhaps.pop(key, None)
        self._states.pop(key, None)

    def used(self, key: bytes, answer: str) -> None:
        """A driver is handed an answer."""
        if self.crashed:
            return
        if key not in self.kept:
            self.violate("an answer is used that the journal does not have")
        elif self.kept[key] != answer:
            self.violate("an answer is used that is not what the journal has")

    def decided(self, problem: str, wave: int, digest: str) -> None:
        """A search decided about a wave."""
        if self.crashed:
            return
        self.note("decide", problem, wave, digest[:8])
        if self.decisions.setdefault((problem, wave), digest) != digest:
            self.violate(f"wave {wave} of {problem} is decided otherwise than before")

    def ended(self) -> None:
        """A process is over."""
        open_now = [key for key, state in self._states.items() if state in ("asked", "answered")]
        self.at_risk += len(open_now)
        self._blows.clear()
        self._under_way.clear()
        for key in open_now:
            self._states[key] = "cut"

    def found(self, rows: Iterable[tuple[bytes, str]]) -> None:
        """What lies in the journal after a process: keys and answers."""
        stored: dict[bytes, str] = {}
        for key, answer in rows:
            if key in stored:
                self.violate("the journal has two answers of one key")
            stored[key] = answer
        for key, answer in self.kept.items():
            if stored.get(key) != answer:
                self.violate("an acknowledged answer is " + ("changed" if key in stored else "gone"))
        for key, answer in stored.items():
            if key in self.kept or key not in self._seen:
                continue
            if answer not in self._perhaps.get(key, ()):
                self.violate("the journal has an answer that was never put")
            self._now_kept(key, answer)
        self._perhaps.clear()


def as_json(answer: object) -> str:
    """An answer as the journal writes it."""
    return json.dumps(answer, ensure_ascii=True)
