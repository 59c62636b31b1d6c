"""What tasks of lm-evaluation-harness found, kept beside the stages of a run."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class Harnessed:
    """One evaluation. ``found`` is lm-eval's own: results, versions, configurations and samples by task."""

    model: str
    identity: str
    """The fingerprint of the model."""
    tasks: tuple[str, ...]
    shots: int | None
    limit: int | None
    chat: bool
    """Whether contexts stood in the model's own template."""
    found: dict[str, Any]
    ledger: dict[str, dict[str, float]]
    schema_version: int = SCHEMA_VERSION

    @property
    def file(self) -> str:
        """Its name in the run directory."""
        return f"lm_eval-{self.model}.json"

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=2, sort_keys=True, ensure_ascii=False) + "\n"
