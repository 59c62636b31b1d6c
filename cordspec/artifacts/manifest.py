"""The manifest: what was run, from which spec, with which versions, and where each stage's files are."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from cordspec.artifacts.store import write_text
from cordspec.diagnostics import Diagnostic
from cordspec.errors import UsageError

MANIFEST = "manifest.json"
ENTRY = "stage.json"
"""A stage's own entry, inside its directory: it can be reused whatever the manifest says."""
SCHEMA_VERSION = 1
_ID = re.compile(r"[.-]*\w[\w.-]*")
"""One name of a file, neither `.` nor `..`."""


@dataclass(frozen=True, slots=True)
class StageEntry:
    """A finished stage: its block, its directory and the seconds that making it took.

    ``parts`` are what its fingerprint is made of, by place (`cordspec.plan.graph.Part`); ``plugins`` the distribution of each
    component that made it (`cordspec.extension.distributions`). Both are empty in entries that were written before there
    were such fields.
    """

    kind: str
    block: str
    id: str
    fingerprint: str
    seconds: float
    summary: str
    parts: dict[str, object] = field(default_factory=dict)
    plugins: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not _ID.fullmatch(self.id):  # a stranger's manifest must not lead out of its run directory
            raise ValueError(f"`{self.id}` names no stage")


@dataclass(frozen=True, slots=True)
class ProblemCount:
    """What became of the problems of one decode: ``input = done + failed + quarantined + pending``.

    ``failed`` counts by code: `stalled` (no teacher said anything valid), `unscored` (no candidate got a score),
    `unanswered` (nobody could be asked for the final answer). ``closed`` are those of ``done`` that the budget closed,
    ``not_graded`` those on whose answer the grader failed.
    """

    input: int
    done: int
    failed: dict[str, int]
    quarantined: int
    pending: int
    closed: int = 0
    not_graded: int = 0

    @property
    def adds_up(self) -> bool:
        """Whether every problem is accounted for, once."""
        return self.input == self.done + sum(self.failed.values()) + self.quarantined + self.pending


@dataclass(frozen=True, slots=True)
class Manifest:
    """One run. ``blocks`` holds the resolved options of every block; ``versions`` the software that decides results."""

    experiment: str
    doc: str
    seed: int
    sets: list[str]
    limit: int | None
    versions: dict[str, str]
    blocks: dict[str, dict[str, object]]
    stages: list[StageEntry]
    engine: dict[str, int] = field(default_factory=dict)
    """Tokens that engines computed in the newest process of this run: prefilled, reused from held prefixes, generated."""
    attempts: int = 1
    """Processes that worked in the run directory, replays and probes included."""
    asked_again: dict[str, int] = field(default_factory=dict)
    """By model, the answers that were asked for again since a process had ended before it kept the first one."""
    missing: int = 0
    """Rows that the journal of this run had lost when the newest process opened it."""
    problems: dict[str, ProblemCount] = field(default_factory=dict)
    """By decode."""
    begun: StageEntry | None = None
    """The stage that was being made when this was written, or that was interrupted."""
    schema_version: int = SCHEMA_VERSION

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def write_entry(directory: Path, entry: StageEntry) -> None:
    """Put a stage's entry beside its files."""
    write_text(directory / ENTRY, json.dumps(asdict(entry), indent=2, sort_keys=True, ensure_ascii=False) + "\n")


def read_entry(directory: Path) -> StageEntry:
    """The entry of a finished stage."""
    return StageEntry(**json.loads((directory / ENTRY).read_text(encoding="utf-8")))


def read_manifest(run: Path, name: str = MANIFEST) -> Manifest:
    """The manifest of a run directory, or of one of its variants.

    Raises:
        UsageError: there is none, or it is of another version.
    """
    path = run / name
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        version = raw["schema_version"]
        if version == SCHEMA_VERSION:
            return _manifest(raw)
    except (OSError, ValueError, KeyError, TypeError) as error:
        message = f"{run} is not a run directory: it holds no readable {name}"
        raise UsageError(Diagnostic("E708", message, help="give the directory that `cordspec run` printed")) from error
    message = f"{path} has version {version}, this cordspec reads version {SCHEMA_VERSION}"
    raise UsageError(Diagnostic("E708", message, help="use the cordspec that wrote it"))


def _manifest(raw: dict[str, Any]) -> Manifest:
    begun = raw.get("begun")
    return Manifest(
        **{
            **raw,
            "stages": [StageEntry(**stage) for stage in raw["stages"]],
            "problems": {name: ProblemCount(**count) for name, count in raw.get("problems", {}).items()},
            "begun": StageEntry(**begun) if begun else None,
        }
    )
