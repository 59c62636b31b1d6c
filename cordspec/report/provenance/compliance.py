"""How well teachers keep to the form of a step."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from cordspec.report.provenance.history import History


@dataclass(frozen=True, slots=True)
class Compliance:
    """One teacher: requests for a proposal, how often it could not be asked, answers without anything to mend, and
    answers by what was mended in them. An answer with several violations counts under each, once.
    """

    asked: int
    absent: int
    clean: int
    violations: dict[str, int]

    @property
    def answered(self) -> int:
        return self.asked - self.absent


def compliance(decode: Sequence[History]) -> dict[str, Compliance]:
    """The compliance of every teacher."""
    asked: Counter[str] = Counter()
    absent: Counter[str] = Counter()
    clean: Counter[str] = Counter()
    violations: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for history in decode:
        for attempt in history.attempts.values():
            teacher = attempt.expanded.teacher
            asked[teacher] += 1
            if attempt.proposed is None:
                absent[teacher] += 1
            else:
                clean[teacher] += not attempt.proposed.violations
                violations[teacher].update(set(attempt.proposed.violations))
    return {
        name: Compliance(asked[name], absent[name], clean[name], dict(sorted(violations[name].items())))
        for name in sorted(asked)
    }
