"""Which decode of a run directory is exported."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cordspec.artifacts.records import CandidateRecord, TraceRecord
from cordspec.artifacts.store import RunDirectory
from cordspec.diagnostics import Diagnostic
from cordspec.errors import UsageError
from cordspec.report.load import DecodeView, RunView, VariantView, load_run, load_variants


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
    variants = load_variants(run)
    if variant and not variants:
        raise _unknown("variant", variant, [])
    view = _of_variant(variants, variant) if variants else load_run(run)
    names = [one.name for one in view.decodes]
    chosen = view.decodes[names.index(_chosen("decode", decode, names))]
    RunDirectory(run).verify(chosen.stage)
    return Source(view, chosen, variant if variants else "")


def _of_variant(variants: Sequence[VariantView], name: str) -> RunView:
    names = [one.entry.name for one in variants]
    return variants[names.index(_chosen("variant", name, names))].run


def _chosen(kind: str, name: str, names: list[str]) -> str:
    if name in names:
        return name
    if not name and len(names) == 1:
        return names[0]
    if name or not names:
        raise _unknown(kind, name, names)
    message = f"the run has {len(names)} finished {kind}s: {', '.join(names)}"
    raise UsageError(Diagnostic("E709", message, help=f"name one with --{kind}"))


def _unknown(kind: str, name: str, names: list[str]) -> UsageError:
    message = f"the run has no finished {kind} named `{name}`" if name else f"the run has no finished {kind}"
    help = f"it has {', '.join(names)}" if names else "run the spec to the end, without --only" if not name else ""
    return UsageError(Diagnostic("E709", message, help=help))
