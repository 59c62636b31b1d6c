"""Answers that a deadline ended: they are lost, and long ones rather than short ones, so that what is left is biased."""

from __future__ import annotations

import logging
from collections import defaultdict
from dataclasses import asdict, dataclass

from cordspec.diagnostics import Diagnostic, Span
from cordspec.errors import StageError
from cordspec.run.driver import SearchRecord, WaveRecord
from cordspec.run.teachers import CUT_OFF, DEADLINE

WARNED = 0.01
"""The share of a teacher's answers from which on it is told aloud."""
ENOUGH = 100
"""Answers of a teacher after which a share says something before the stage is over."""


@dataclass(slots=True)
class Answers:
    """Of one teacher: how many there were, how many of them a deadline ended, and how many the limit on tokens."""

    answers: int = 0
    censored: int = 0
    cut_off: int = 0

    @property
    def share(self) -> float:
        return self.censored / self.answers if self.answers else 0.0


class Censoring:
    """Counts by teacher. It counts what the journal keeps, so a run that was resumed counts as one that was not.

    Args:
        allowed: the share of a teacher's answers that may be lost.
        span: the pool, for diagnostics.
    """

    def __init__(self, allowed: float, span: Span | None) -> None:
        self._allowed = allowed
        self._span = span
        self._teachers: defaultdict[str, Answers] = defaultdict(Answers)
        self._warned: set[str] = set()

    def note_wave(self, wave: WaveRecord) -> None:
        """The answers of a wave.

        Raises:
            StageError: too many of a teacher's answers are lost (E613).
        """
        for proposal in (one.proposal for one in wave.answered):
            if proposal is not None:
                counts = self._teachers[proposal.teacher]
                counts.answers += 1
                counts.censored += DEADLINE in proposal.violations
                counts.cut_off += CUT_OFF in proposal.violations
        self._hold(ENOUGH)

    def note_answer(self, record: SearchRecord) -> None:
        """The final answer of a problem, if there is one."""
        if record.answer is not None:
            counts = self._teachers[record.writer]
            counts.answers += 1
            counts.censored += record.answer.finish == "deadline"
            counts.cut_off += record.answer.finish == "length"

    def finish(self) -> None:
        """The stage is over; raises as `note_wave`, however few answers there were."""
        self._hold(1)

    def as_dict(self) -> dict[str, dict[str, int]]:
        return {teacher: asdict(counts) for teacher, counts in sorted(self._teachers.items())}

    def _hold(self, least: int) -> None:
        for teacher, counts in self._teachers.items():
            told = f"{counts.censored} of {counts.answers} answers of `{teacher}` were ended by a deadline and are lost"
            if counts.answers >= least and counts.share > self._allowed:
                help = "raise the model's `deadline`, or allow it with the pool's `censoring`; long answers are missing most"
                raise StageError(Diagnostic("E613", told, self._span, help=help))
            if counts.answers >= least and counts.share > WARNED and teacher not in self._warned:
                self._warned.add(teacher)
                logging.getLogger(__name__).warning("%s: %s; long ones are missing most", "W612", told)
