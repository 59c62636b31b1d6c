"""Which decode of a run directory is exported."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from cordspec.artifacts.manifest import StageEntry, read_manifest
from cordspec.artifacts.pairs import scored_by_problem
from cordspec.artifacts.part import part_of
from cordspec.artifacts.records import CandidateRecord, TraceRecord
from cordspec.artifacts.store import RunDirectory
from cordspec.artifacts.variants import read_variants
from cordspec.diagnostics import Diagnostic
from cordspec.errors import UsageError
from cordspec.report.load import DecodeView, RunView, choose_decode, choose_run, load_part, load_run


@dataclass(frozen=True, slots=True)
class Source:
    """A decode with the run that it belongs to. ``variant`` is empty where the run is no sweep; ``pending`` is the number of
    problems that are missing, 0 of a finished decode.
    """

    run: RunView
    decode: DecodeView
    variant: str
    pending: int = 0
    is_part: bool = False
    """Whether it is read from where parts of unfinished decodes are written."""

    @property
    def directory(self) -> Path:
        """Where its files lie."""
        place = part_of(self.run.path) if self.is_part else RunDirectory(self.run.path)
        return place.stage(self.decode.stage)

    @property
    def keeps_wrong(self) -> bool:
        """Whether the decode's own training set holds traces that end in a wrong answer."""
        return self.options(self.decode.name)["keep"] == "all"

    @property
    def origin(self) -> dict[str, object]:
        """What a row says of where it comes from; the teachers stand with each step."""
        versions = json.dumps(self.run.manifest.versions, sort_keys=True)
        environment = hashlib.sha256(versions.encode()).hexdigest()[:16]
        return {"seed": self.run.manifest.seed, "stage": self.decode.stage, "environment": environment}

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
        return scored_by_problem(self.decode.traces, self.decode.candidates)


def find_source(run: Path, decode: str = "", variant: str = "") -> Source:
    """The decode of this name, or the only one; in a sweep, of this variant, or of the only one. Its files are verified.

    Raises:
        UsageError: this is no run directory, or no such decode or variant, or several and none is named, or it is not
            finished.
        IntegrityError: a stage is damaged.
    """
    begun = None if variant else unfinished(run, decode)
    if begun is not None:
        count = read_manifest(run).problems[begun.block]
        message = (
            f"decode `{begun.block}` is not finished: {count.done} of {count.input} problems were done when it ended"
        )
        help = "run it to the end, or give --partial: what the journal answers is exported, and the card says what is missing"
        raise UsageError(Diagnostic("E718", message, help=help))
    view = choose_run(run, variant)
    chosen = choose_decode(view, decode)
    RunDirectory(run).verify(chosen.stage)
    return Source(view, chosen, variant)


def unfinished(run: Path, decode: str = "") -> StageEntry | None:
    """The decode that was begun and is not finished, if it is the one of this name, or if the run has no finished one.

    Raises:
        UsageError: this is no run directory.
    """
    if read_variants(run):
        return None
    manifest = read_manifest(run)
    begun = manifest.begun
    finished = [entry for entry in manifest.stages if entry.kind == "decode"]
    if begun is None or begun.kind != "decode" or not (decode == begun.block or (not decode and not finished)):
        return None
    return begun


def part_source(run: Path, pending: int) -> Source:
    """The part of an unfinished decode that was written last.

    Raises:
        IntegrityError: it is damaged.
    """
    view = load_run(run)
    return Source(view, load_part(view), "", pending, is_part=True)
