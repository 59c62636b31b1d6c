"""What the processes of a training are told: a file that all of them read, and the files by which they answer."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from cordspec_train.commits import Layout
from cordspec_train.fitting import FitSettings
from cordspec_train.sharing import Shares

PROGRESS: Final = "progress.jsonl"
LOG: Final = "training.log"


@dataclass(frozen=True, slots=True)
class Assignment:
    """One training by several processes. Paths must mean the same on every node."""

    work: str
    init: str
    out: str
    resumed: str
    """The checkpoint to go on from; empty for none."""
    examples: int
    settings: FitSettings
    shares: Shares
    layout: Layout
    deepspeed: dict[str, Any]
    precision: str
    activation_checkpointing: bool
    on_gpus: bool

    @property
    def file(self) -> Path:
        return Path(self.work) / "assignment.json"

    @property
    def rows(self) -> Path:
        return Path(self.work) / "rows"

    @property
    def progress(self) -> Path:
        """A line of JSON for each optimiser step, and a last one that says how it ended."""
        return Path(self.work) / PROGRESS

    @property
    def log(self) -> Path:
        return Path(self.work) / LOG

    def write(self) -> None:
        partial = self.file.with_suffix(".partial")
        partial.write_text(json.dumps(asdict(self), indent=2, sort_keys=True) + "\n", encoding="utf-8")
        partial.replace(self.file)


def read_assignment(file: Path) -> Assignment:
    """What `Assignment.write` wrote."""
    said = json.loads(file.read_text(encoding="utf-8"))
    said["settings"], said["shares"] = FitSettings(**said["settings"]), Shares(**said["shares"])
    return Assignment(**said)
