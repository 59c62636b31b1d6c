"""Keeps `status.json` up to date while a run goes on. It is not synced: losing it loses nothing."""

from __future__ import annotations

import contextlib
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from cordspec.artifacts.status import STATUS, State, Status
from cordspec.artifacts.store import RunDirectory
from cordspec.processes import this_process
from cordspec.run.events import Event, Observer, RunStarted, StageFinished, StageProgress, StageStarted

QUIET_SECONDS: Final = 1.0


class StatusKeeper:
    """Hears a run before its display does, and writes what it heard."""

    def __init__(self, display: Observer, directory: RunDirectory, experiment: str, resume: str, attempt: int) -> None:
        self._display = display
        self._directory = directory
        now = _now()
        self._status = Status(experiment, "running", this_process(), attempt, now, now, resume, str(Path.cwd()))
        self._written = 0.0
        self._stage_begun = time.monotonic()
        self._lock = threading.Lock()
        """Training tells its steps from a thread of its own."""

    def on_event(self, event: Event) -> None:
        with self._lock:
            self._hear(event)
        self._display.on_event(event)

    def end(self, state: State, code: str = "") -> None:
        """The run is over, in this process."""
        with self._lock:
            self._status = replace(self._status, state=state, code=code)
            self._write()

    def _hear(self, event: Event) -> None:
        match event:
            case RunStarted(graph, _, _, variant):
                self._status = replace(
                    self._status, variant=variant.name, variant_number=variant.number, variants=variant.total,
                    stages=len(graph.stages), stages_done=0,
                )  # fmt: skip
                self._write()
            case StageStarted(stage):
                self._status = replace(
                    self._status, stage=f"{stage.kind} {stage.block}", stage_id=stage.id, stage_since=_now(), done=0, total=0,
                    unit="", counts={}, calls_a_second=0.0,
                )  # fmt: skip
                self._write()
            case StageProgress(_, done, total, unit, _, counts):
                seconds = max(time.monotonic() - self._stage_begun, 1e-6)
                rate = round(counts.get("asked", 0) / seconds, 2)
                self._status = replace(
                    self._status, done=done, total=total, unit=unit, counts=dict(counts), calls_a_second=rate
                )
                if time.monotonic() - self._written >= QUIET_SECONDS:
                    self._write()
            case StageFinished():
                self._status = replace(self._status, stages_done=self._status.stages_done + 1)
                self._write()
            case _:
                pass

    def _write(self) -> None:
        self._written = time.monotonic()
        self._status = replace(self._status, updated=_now())
        partial = self._directory.path / f".{STATUS}.partial"
        with contextlib.suppress(OSError):  # a disk that fails is found out by what matters
            partial.write_text(self._status.to_json(), encoding="utf-8")
            partial.replace(self._directory.path / STATUS)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
