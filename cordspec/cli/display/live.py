"""The live display on a terminal."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table as RichTable
from rich.text import Text

from cordspec.diagnostics import render
from cordspec.diagnostics.render import visible
from cordspec.report.table import Report, Table
from cordspec.run.events import Event, RunStarted, StageFinished, StageProgress, StageStarted, StopAsked, Warned


class LiveDisplay:
    """A bar for the stage at work, its numbers below it, finished stages above; readable without colour.

    It moves the cursor, so it writes to the terminal itself, and every text of its goes through `visible`: rich passes most
    control characters on, in plain texts too.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console()
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=self._console,
            expand=True,
        )
        self._numbers = Text(no_wrap=False)
        self._live = Live(
            Group(self._progress, self._numbers), console=self._console, refresh_per_second=4, transient=True
        )
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def on_event(self, event: Event) -> None:
        match event:
            case RunStarted():
                self._say(event.title)
            case Warned(diagnostics):
                for line in render(diagnostics, "text").splitlines():
                    self._say(line)
            case StopAsked():
                self._say(event.text)
            case StageStarted(stage):
                self._task = self._progress.add_task(visible(f"{stage.kind} {stage.block}"), total=None)
                self._numbers.plain = ""
            case StageProgress(_, done, total, _, detail):
                if self._task is not None:
                    self._progress.update(self._task, completed=done, total=total)
                    self._numbers.plain = visible("  ".join(f"{name} {value}" for name, value in detail.items()))
            case StageFinished(stage, seconds, reused, summary):
                if self._task is not None:
                    self._progress.remove_task(self._task)
                    self._task = None
                    self._numbers.plain = ""
                took = "reused" if reused else f"{seconds:.1f} s"
                self._say(f"✓ {stage.kind} {stage.block}: {summary} ({took})")
            case Warned():
                self._say(str(event))

    def show_report(self, report: Report, out: Path) -> None:
        self._live.stop()
        self._console.rule(Text(visible(report.title)))
        for line in report.lines:
            self._say(line)
        for table in report.tables:
            self._console.print(_rich_table(table))
            if table.note:
                self._console.print(Text(visible(table.note), style="dim"))
        self._say(f"report: {out / 'report.md'}")

    def _say(self, text: str) -> None:
        self._console.print(Text(visible(text)))


def _rich_table(table: Table) -> RichTable:
    shown = RichTable(title=Text(visible(table.title)), title_justify="left", title_style="bold")
    for at, column in enumerate(table.columns):
        shown.add_column(Text(visible(column)), justify="left" if at == 0 else "right", overflow="fold")
    for row in table.rows:
        shown.add_row(*(Text(visible(cell)) for cell in row))
    return shown
