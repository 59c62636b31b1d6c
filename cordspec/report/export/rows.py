"""The rows of every form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cordspec.artifacts.events import read_events
from cordspec.diagnostics import Diagnostic
from cordspec.domain.events import Formed
from cordspec.errors import IntegrityError
from cordspec.report.export.columns import Form
from cordspec.report.export.comparisons import label_rows, preference_rows
from cordspec.report.export.source import Source
from cordspec.report.export.texts import Row, messages_row, prompt_completion_row

Keep = Literal["correct", "all"]


@dataclass(frozen=True, slots=True)
class Selection:
    """What is exported. ``keep`` says of which traces; None leaves it to the decode's own ``keep``, and takes pairs from
    right traces only. ``margin`` is the least difference of scores that counts, in the scorer's unit.
    """

    forms: tuple[Form, ...]
    keep: Keep | None = None
    margin: float = 0.0

    def takes_wrong(self, form: Form, source: Source) -> bool:
        """Whether traces that end in a wrong answer are in a form."""
        if form == "step_labels":
            return False
        return self.keep == "all" or (self.keep is None and form != "preferences" and source.keeps_wrong)


def make_rows(source: Source, form: Form, selection: Selection) -> list[Row]:
    """The rows of one form, problem by problem, each with its origin."""
    return [{**row, "origin": source.origin} for row in _rows(source, form, selection)]


def _rows(source: Source, form: Form, selection: Selection) -> list[Row]:
    traces = source.traces(wrong=selection.takes_wrong(form, source))
    if form == "messages":
        return [messages_row(trace) for trace in traces]
    if form == "prompt_completion":
        return [prompt_completion_row(trace) for trace in traces]
    candidates = source.candidates()
    if form == "preferences":
        return [row for one in traces for row in preference_rows(one, candidates[one.problem], selection.margin)]
    lengths = _lengths(source)
    return [
        row
        for one in traces
        for row in label_rows(one, candidates[one.problem], lengths.get(one.problem, {}), selection.margin)
    ]


def _lengths(source: Source) -> Mapping[str, Mapping[str, int]]:
    """For each problem and candidate, the number of steps from the first one on."""
    found: dict[str, dict[str, int]] = {}
    for event in _formed(source.directory / "events.jsonl"):
        found.setdefault(event.problem, {})[event.key] = event.depth
    return found


def _formed(path: Path) -> Iterator[Formed]:
    try:
        for event in read_events(path):
            if isinstance(event, Formed):
                yield event
    except (OSError, ValueError) as error:
        help = "leave out the step labels with --form, or give the same `cordspec run` again"
        raise IntegrityError(
            Diagnostic("E706", f"the events of the decode cannot be read: {error}", help=help)
        ) from error
