"""The manifest: what was run, from which spec, with which versions, and where each stage's files are."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from cordspec.artifacts.store import write_text
from cordspec.diagnostics import Diagnostic
from cordspec.errors import UsageError

MANIFEST = "manifest.json"
ENTRY = "stage.json"
"""A stage's own entry, inside its directory: it can be reused whatever the manifest says."""
SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class StageEntry:
    """A finished stage: its block, its directory and the seconds that making it took."""

    kind: str
    block: str
    id: str
    fingerprint: str
    seconds: float
    summary: str


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
            return Manifest(**{**raw, "stages": [StageEntry(**stage) for stage in raw["stages"]]})
    except (OSError, ValueError, KeyError, TypeError) as error:
        message = f"{run} is not a run directory: it holds no readable {name}"
        raise UsageError(Diagnostic("E708", message, help="give the directory that `cordspec run` printed")) from error
    message = f"{path} has version {version}, this cordspec reads version {SCHEMA_VERSION}"
    raise UsageError(Diagnostic("E708", message, help="use the cordspec that wrote it"))
