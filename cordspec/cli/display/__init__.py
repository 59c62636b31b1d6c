"""How a run is shown: rich on a terminal, plain lines elsewhere, JSON lines for machines."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final, Literal, Protocol

from cordspec.cli.guarded import unguarded
from cordspec.report.table import Report
from cordspec.run.events import Event

DisplayName = Literal["rich", "plain", "json"]
DISPLAYS: Final[tuple[DisplayName, ...]] = ("rich", "plain", "json")


class Display(Protocol):
    """Shows the events of a run, and its report at the end."""

    def on_event(self, event: Event) -> None: ...

    def show_report(self, report: Report, out: Path) -> None: ...


def choose(name: DisplayName | None) -> AbstractContextManager[Display]:
    """The display that was asked for, or the one that fits where the output goes."""
    if name == "json":
        from cordspec.cli.display.json_lines import JsonLinesDisplay

        return JsonLinesDisplay(sys.stdout)
    if name == "rich" or (name is None and sys.stdout.isatty()):
        from rich.console import Console

        from cordspec.cli.display.live import LiveDisplay

        return LiveDisplay(Console(file=unguarded(sys.stdout)))
    from cordspec.cli.display.plain import PlainDisplay

    return PlainDisplay(sys.stdout)
