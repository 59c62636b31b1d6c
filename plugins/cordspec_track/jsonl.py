"""Numbers as lines of JSON in the run directory, for whoever reads them with tools of their own."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import ClassVar

from cordspec.plugin import Component, RunEnd, TrackedRun, Tracker, hookimpl


class JsonLines(Tracker):
    """Adds to `tracking/metrics.jsonl`, each call a line that is flushed at once."""

    name: ClassVar[str] = "jsonl"

    def begin(self, run: TrackedRun) -> None:
        self._file = (run.directory / "metrics.jsonl").open("a", encoding="utf-8")
        self._variant = run.variant

    def log(self, stage: str, step: int, values: Mapping[str, float]) -> None:
        line = {"variant": self._variant, "stage": stage, "step": step, **values}
        self._file.write(json.dumps(line, ensure_ascii=False) + "\n")
        self._file.flush()

    def end(self, status: RunEnd) -> None:
        self._file.close()


@hookimpl
def cordspec_components() -> Iterable[type[Component]]:
    yield JsonLines
