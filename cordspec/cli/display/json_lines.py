"""One JSON object a line, for machines; the last one says where the report is."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from cordspec.diagnostics.render import as_json
from cordspec.report.table import Report
from cordspec.run.events import Event, RunStarted, Warned


class JsonLinesDisplay:
    """Every event as it happens."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def on_event(self, event: Event) -> None:
        values = asdict(event)
        if isinstance(event, RunStarted):
            values["reused"] = sorted(event.reused)
            del values["graph"]["makeups"]
        if isinstance(event, Warned):
            values = as_json(event.diagnostics)
        self._say({"event": type(event).__name__, **values})

    def show_report(self, report: Report, out: Path) -> None:
        self._say({"event": "Report", "path": str(out / "report.json")})

    def _say(self, values: dict[str, object]) -> None:
        print(json.dumps(values, ensure_ascii=False), file=self._stream, flush=True)
