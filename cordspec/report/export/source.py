"""Which decode of a run directory is exported."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cordspec.artifacts.records import CandidateRecord, TraceRecord
from cordspec.artifacts.store import RunDirectory
from cordspec.report.load import DecodeView, RunView, choose_decode, choose_run


@dataclass(frozen=True, slots=True)
class Source:
    """A finished decode with the run that it belongs to. ``variant`` is empty where the run is no sweep."""

    run: RunView
    decode: DecodeView
    variant: str

    @property
    def keeps_wrong(self) -> bool:
        """Whether the decode's own training set holds traces that end in a wrong answer."""
        return self.options(self.decode.name)["keep"] == "all"

    def options(self, block: str) -> dict[str, object]:
        """The resolved options of a block of the spec."""
        options = self.run.manifest.blocks[block]["options"]
        assert isinstance(options, dict)
        return options

    def traces(self, *, wrong: bool) -> list[TraceRecord]:
        """The traces that say anything, the wrong ones among them or not."""
        return [trace for trace in self.decode.traces if trace.steps and (wrong or trace.correct)]

    def candidates(self) -> dict[str, list[CandidateRecord]]:
        """The scored candidates of each problem, in the order in which they were proposed."""
        found: dict[str, list[CandidateRecord]] = {trace.problem: [] for trace in self.decode.traces}
        for candidate in self.decode.candidates:
            if candidate.score is not None:
                found[candidate.problem].append(candidate)
        return found


def find_source(run: Path, decode: str = "", variant: str = "") -> Source:
    """The decode of this name, or the only one; in a sweep, of this variant, or of the only one. Its files are verified.

    Raises:
        UsageError: this is no run directory, or no such decode or variant, or several and none is named.
        IntegrityError: a stage is damaged.
    """
    view = choose_run(run, variant)
    chosen = choose_decode(view, decode)
    RunDirectory(run).verify(chosen.stage)
    return Source(view, chosen, variant)
