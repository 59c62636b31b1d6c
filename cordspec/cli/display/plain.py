"""Plain lines: calm enough for a log."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TextIO

from cordspec.diagnostics import render
from cordspec.report.table import Report
from cordspec.run.events import Event, RunStarted, StageFinished, StageProgress, StageStarted, StopAsked, Warned

QUIET_SECONDS: Final = 10.0


class PlainDisplay:
    """One line when a stage starts and ends, and one every ten seconds between."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._told = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def on_event(self, event: Event) -> None:
        match event:
            case RunStarted():
                self._say(event.title)
            case StageStarted(stage):
                self._told = time.monotonic()
                self._say(f"{stage.kind} {stage.block} ...")
            case Warned(diagnostics):
                print(render(diagnostics, "text"), file=sys.stderr, flush=True)
            case StopAsked():
                print(event.text, file=sys.stderr, flush=True)
            case StageProgress(stage, done, total, unit, detail):
                if time.monotonic() - self._told >= QUIET_SECONDS:
                    self._told = time.monotonic()
                    more = "".join(f", {name} {value}" for name, value in detail.items())
                    self._say(f"{stage.kind} {stage.block}: {done}/{total} {unit}{more}")
            case StageFinished(stage, seconds, reused, summary):
                took = "reused" if reused else f"{seconds:.1f} s"
                self._say(f"{stage.kind} {stage.block}: {summary} ({took})")
            case Warned():
                self._say(str(event))

    def show_report(self, report: Report, out: Path) -> None:
        self._say(f"\n{report.to_markdown()}\nreport: {out / 'report.md'}")

    def _say(self, text: str) -> None:
        print(text, file=self._stream, flush=True)
