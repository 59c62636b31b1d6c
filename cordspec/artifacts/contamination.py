"""What of a student's training data stands in the sets that it is measured on: ``contamination.json`` of its stage."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

CONTAMINATION = "contamination.json"
FORMAT_VERSION = "1.0"

Part = Literal["prompt", "trace"]
Action = Literal["report", "drop"]


@dataclass(frozen=True, slots=True)
class Hit:
    """A training row in whose prompt or trace a question of an evaluation set stands; all numbers count from 1."""

    row: int
    part: Part
    question: int
    """The question that is there the most."""
    questions: int
    """How many questions are there."""
    shares: dict[str, float]
    """By measure, the share of that question's runs of words which stand there."""
    found: tuple[str, ...]
    """The measures whose threshold was reached by any question."""


@dataclass(frozen=True, slots=True)
class Compared:
    """The training data beside one evaluation set."""

    name: str
    content: str
    """The content hash of its problems."""
    questions: int
    short: tuple[int, ...]
    """Questions too short for runs of words, from 1: found only where a prompt is that question and nothing else."""
    hits: tuple[Hit, ...]

    def rows(self, part: Part | None = None) -> int:
        """How many training rows are hit, in this part or in any."""
        return len({hit.row for hit in self.hits if part in (None, hit.part)})

    def by_measure(self) -> dict[str, int]:
        """How many training rows each measure found."""
        return dict(Counter(name for _, name in {(hit.row, name) for hit in self.hits for name in hit.found}))


@dataclass(frozen=True, slots=True)
class Contamination:
    """The training data of a student beside every set that students are measured on."""

    data: str
    rows: int
    traces: bool
    """Whether traces were there to be compared; before a decode is made there are only prompts."""
    action: Action
    sets: tuple[Compared, ...]

    @property
    def hit_rows(self) -> frozenset[int]:
        """The rows that are hit by any set, from 1."""
        return frozenset(hit.row for one in self.sets for hit in one.hits)

    def as_dict(self) -> dict[str, object]:
        """Counts before the single hits, all of it plain."""
        counts = [
            {
                "name": one.name,
                "rows": one.rows(),
                "prompts": one.rows("prompt"),
                "traces": one.rows("trace"),
                **one.by_measure(),
            }
            for one in self.sets
        ]
        return {"format_version": FORMAT_VERSION, "hit_rows": len(self.hit_rows), "counts": counts, **asdict(self)}

    def to_json(self) -> str:
        return json.dumps(self.as_dict(), indent=1, ensure_ascii=False) + "\n"


def read_contamination(path: Path) -> Contamination:
    """What `Contamination.to_json` wrote.

    Raises:
        OSError, ValueError, KeyError, TypeError: it is not there, or damaged.
    """
    raw = json.loads(path.read_text(encoding="utf-8"))
    sets = [
        Compared(
            one["name"],
            one["content"],
            one["questions"],
            tuple(one["short"]),
            tuple(Hit(**{**hit, "found": tuple(hit["found"])}) for hit in one["hits"]),
        )
        for one in raw["sets"]
    ]
    return Contamination(raw["data"], raw["rows"], raw["traces"], raw["action"], tuple(sets))
