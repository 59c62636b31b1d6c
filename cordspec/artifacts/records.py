"""The records of a run directory; one JSON object a line, strict both ways. Numbers are as the run had them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import MISSING, asdict, dataclass, fields
from pathlib import Path
from typing import Literal, TypeVar

from cordspec.domain.verdict import Outcome

SCHEMA_VERSION = 1

Fate = Literal["kept", "dropped", "failed", "invalid"]


@dataclass(frozen=True, slots=True)
class CandidateRecord:
    """A candidate of a wave: what was proposed by whom, what it scored, what became of it.

    ``candidate`` and ``parent`` are content hashes of prefixes; ``fate`` is ``failed`` for a candidate without a score
    and ``invalid`` for a proposal that said nothing. ``generated`` counts the tokens drawn by all its authors.
    """

    problem: str
    wave: int
    candidate: str
    parent: str
    text: str
    authors: tuple[str, ...]
    score: float | None
    logprob: float | None
    finished: bool
    forced: bool
    fate: Fate
    tokens: int
    generated: int
    violations: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StepRecord:
    """A step of a chosen trace. ``score`` is that of the prefix which it ends; None in a trace scored as a whole."""

    text: str
    authors: tuple[str, ...]
    tokens: int
    score: float | None
    tag: str


@dataclass(frozen=True, slots=True)
class TraceRecord:
    """The trace that a search settled on for one problem. ``steps`` is empty when no teacher proposed anything valid."""

    problem: str
    question: str
    reference: str
    steps: tuple[StepRecord, ...]
    answer: str
    writer: str
    correct: bool
    forced: bool
    score: float | None
    waves: int
    generated: int
    answer_tokens: int
    reference_score: float | None = None
    """The value of the whole trace under a fixed prover beside the guiding one, where the scorer has such."""
    outcome: Outcome | Literal[""] = ""
    """What its grader said; ``correct`` is the same as right or not. Empty where an earlier version wrote it."""
    reason: str = ""
    """Why, where the grader gave a reason."""

    @property
    def thinking(self) -> str:
        return "".join(step.text for step in self.steps)

    @property
    def thinking_tokens(self) -> int:
        return sum(step.tokens for step in self.steps)


@dataclass(frozen=True, slots=True)
class PredictionRecord:
    """One draw of an evaluated model with what its grader said (`cordspec.domain.verdict`)."""

    problem: str
    sample: int
    text: str
    tokens: int
    finish: str
    correct: bool
    outcome: Outcome | Literal[""] = ""
    """Empty where an earlier version wrote it."""
    score: float = 0.0
    answer: str = ""
    reason: str = ""


Record = TypeVar("Record", CandidateRecord, TraceRecord, PredictionRecord)


def to_lines(records: Iterable[object]) -> str:
    """JSON Lines with sorted keys: equal records are equal bytes."""
    return "".join(json.dumps(_plain(record), ensure_ascii=False, sort_keys=True) + "\n" for record in records)


def _plain(record: object) -> object:
    return record if isinstance(record, dict) else asdict(record)  # type: ignore[call-overload]


def read_lines(path: Path, kind: type[Record]) -> Iterator[Record]:
    """The records of a file.

    Raises:
        ValueError: a line is not a record of this kind.
    """
    known = {field.name for field in fields(kind)}
    needed = {field.name for field in fields(kind) if field.default is MISSING}
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            row = json.loads(line)
            if not needed <= set(row) <= known:
                raise ValueError(f"{path}:{number}: not a {kind.__name__} of schema {SCHEMA_VERSION}")
            yield _record(kind, row)


def _record(kind: type[Record], row: dict[str, object]) -> Record:
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in row.items()}
    if kind is TraceRecord:
        steps = values["steps"]
        assert isinstance(steps, tuple)
        values["steps"] = tuple(StepRecord(**{**step, "authors": tuple(step["authors"])}) for step in steps)
    return kind(**values)  # type: ignore[arg-type]  # the names were checked, the values are what asdict gave
