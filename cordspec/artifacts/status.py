"""`status.json`: how far a run is. It is replaced as a whole, at most once a second, and nothing is ever resumed from it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

from cordspec.processes import Process

STATUS = "status.json"
SCHEMA_VERSION = 1
State = Literal["running", "finished", "stopped", "failed"]


@dataclass(frozen=True, slots=True)
class Status:
    """A run as its process saw it last. Times are in UTC, as ISO 8601.

    ``counts`` are the numbers of the stage at work: problems done, failed, quarantined and pending, waves, calls, those of
    them that were asked anew, tokens. ``code`` is the diagnostic that a failed run ended with; ``resume`` the command that
    goes on, given in ``directory``.
    """

    experiment: str
    state: State
    process: Process
    attempt: int
    started: str
    updated: str
    resume: str
    directory: str
    variant: str = ""
    variant_number: int = 0
    variants: int = 1
    stage: str = ""
    stage_id: str = ""
    stage_since: str = ""
    stages_done: int = 0
    stages: int = 0
    done: int = 0
    total: int = 0
    unit: str = ""
    counts: dict[str, int] = field(default_factory=dict)
    calls_a_second: float = 0.0
    code: str = ""
    schema_version: int = SCHEMA_VERSION

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def read_status(run: Path) -> Status | None:
    """The status of a run; None where there is none that can be read."""
    try:
        raw = json.loads((run / STATUS).read_text(encoding="utf-8"))
        return (
            Status(**{**raw, "process": Process(**raw["process"])}) if raw["schema_version"] == SCHEMA_VERSION else None
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
