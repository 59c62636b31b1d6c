"""What a probe measured and predicts. Every number has its count and an interval over problems."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Literal

SCHEMA_VERSION = 1
PROBE = "probe.json"

Verdict = Literal["better", "worse", "undecided", "not predicted"]


@dataclass(frozen=True, slots=True)
class Measure:
    """A value with the ends of its interval from a bootstrap over problems.

    ``n`` counts what was measured (pairs, proposals, steps), ``problems`` those that it comes from. None where there is
    nothing to measure; an interval needs two problems.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    problems: int


@dataclass(frozen=True, slots=True)
class DepthSharpness:
    """How well the scores tell right steps from wrong ones after ``depth - 1`` steps.

    ``siblings`` are pairs of one prefix, ``level`` pairs of equal depth whatever their prefixes, which is what a beam of
    more than one ranks. ``spread`` is the mean standard deviation of the scores of siblings.
    """

    depth: int
    siblings: Measure
    level: Measure
    spread: Measure


@dataclass(frozen=True, slots=True)
class Saturation:
    """Scores at the ends of their range: shares above .99 and below .01 of all steps' scores; ``traces`` is the share of
    pairs of whole traces of one problem, a right and a wrong one, that the scores rank rightly.
    """

    above: Measure
    below: Measure
    traces: Measure


@dataclass(frozen=True, slots=True)
class TeacherHabits:
    """One teacher's format and lengths. ``violations`` are shares of its proposals by kind; ``right`` is the share of its
    whole traces that end right; lengths are those of its steps in its own tokens.
    """

    teacher: str
    right: Measure
    violations: dict[str, Measure]
    length: Measure
    cv: float | None
    quantiles: tuple[float, float, float] | None
    """At 5, 50 and 95 %."""


@dataclass(frozen=True, slots=True)
class Costs:
    """Of the whole decode: generated and scored tokens, and hours. ``source`` says where the hours come from."""

    problems: int
    generated: Measure
    scored: Measure
    hours: Measure
    source: str


@dataclass(frozen=True, slots=True)
class Winner:
    """Step-wise search against curation at equal tokens: predicted shares of right answers and their difference.

    ``probability`` is the share of bootstrap draws in which step-wise search is better; ``note`` says why nothing is
    predicted.
    """

    verdict: Verdict
    stepwise: Measure
    curation: Measure
    difference: Measure
    probability: float | None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Probe:
    """All of it. ``spent`` is what the probe itself generated and scored, in tokens, ``share`` that of the whole decode."""

    experiment: str
    decode: str
    seed: int
    settings: dict[str, float]
    depths: tuple[DepthSharpness, ...]
    saturation: Saturation
    teachers: tuple[TeacherHabits, ...]
    costs: Costs
    winner: Winner
    spent: int
    assumptions: tuple[str, ...]

    def as_dict(self) -> dict[str, object]:
        return {"schema_version": SCHEMA_VERSION, **asdict(self)}

    def to_json(self) -> str:
        return json.dumps(self.as_dict(), indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"
