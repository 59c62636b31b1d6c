"""A run directory, read back."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from cordspec.artifacts.choosing import choose
from cordspec.artifacts.manifest import MANIFEST, Manifest, StageEntry, read_manifest
from cordspec.artifacts.records import CandidateRecord, PredictionRecord, TraceRecord, read_lines
from cordspec.artifacts.store import STAGES
from cordspec.artifacts.variants import VariantEntry, read_variants, variant_manifest
from cordspec.diagnostics import Diagnostic
from cordspec.errors import IntegrityError

Costs = dict[str, dict[str, float]]
"""Spending by role, as in a stage's ledger."""


@dataclass(frozen=True, slots=True)
class DecodeView:
    """A finished decode."""

    name: str
    stage: str
    doc: str
    problems: str
    pool: tuple[str, ...]
    search: str
    measure: str
    """What its scores are: ``PP`` for predictive perplexity as the paper defines it, else ``score``."""
    traces: tuple[TraceRecord, ...]
    candidates: tuple[CandidateRecord, ...]
    costs: Costs
    seconds: float


@dataclass(frozen=True, slots=True)
class EvalView:
    """A finished evaluation. ``metrics`` is as the evaluator gave it."""

    name: str
    stage: str
    model: str
    model_kind: str
    problems: str
    metrics: dict[str, dict[str, float]]
    expect: dict[str, tuple[float, float]]
    """Where the spec says that metrics lie."""
    predictions: tuple[PredictionRecord, ...]
    costs: Costs
    seconds: float


@dataclass(frozen=True, slots=True)
class RunView:
    """Everything that a report is made from."""

    path: Path
    manifest: Manifest
    decodes: tuple[DecodeView, ...]
    evals: tuple[EvalView, ...]


@dataclass(frozen=True, slots=True)
class VariantView:
    """A variant of a sweep."""

    entry: VariantEntry
    run: RunView

    @property
    def is_paired(self) -> bool:
        """Whether the sweep wants its variants compared."""
        blocks = self.run.manifest.blocks
        sweeps = [_options(self.run.manifest, name) for name, block in blocks.items() if block["kind"] == "sweep"]
        return all(options["compare"] == "paired" for options in sweeps)


def load_variants(path: Path) -> list[VariantView]:
    """The variants of a run directory; none for a run without a sweep.

    Raises:
        UsageError, IntegrityError: as `load_run`.
    """
    try:
        entries = read_variants(path)
    except (OSError, ValueError, KeyError, TypeError) as error:
        message = f"the list of variants in {path} cannot be read: {error}"
        raise IntegrityError(Diagnostic("E706", message, help="give the same `cordspec run` again")) from error
    return [VariantView(one, load_run(path, variant_manifest(one.name))) for one in entries]


def choose_run(path: Path, variant: str = "") -> RunView:
    """The view of a run without a sweep, of the variant of this name, or of the only one.

    Raises:
        UsageError, IntegrityError: as `load_run`; or there is no such variant, or several and none is named.
    """
    variants = {one.entry.name: one.run for one in load_variants(path)}
    return variants[choose("variant", variant, list(variants))] if variants or variant else load_run(path)


def choose_decode(run: RunView, name: str = "") -> DecodeView:
    """The decode of this name, or the only one.

    Raises:
        UsageError: there is no such decode, or several and none is named.
    """
    decodes = {one.name: one for one in run.decodes}
    return decodes[choose("decode", name, list(decodes))]


def load_run(path: Path, manifest_name: str = MANIFEST) -> RunView:
    """The view of a run directory, or of one of its variants.

    Raises:
        UsageError: it is not one.
        IntegrityError: a stage that it names is missing or damaged.
    """
    manifest = read_manifest(path, manifest_name)
    try:
        decodes = [_decode(path, manifest, entry) for entry in manifest.stages if entry.kind == "decode"]
        evals = [_eval(path, manifest, entry) for entry in manifest.stages if entry.kind == "evaluate"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        message = f"a finished stage of {path} cannot be read: {error}"
        raise IntegrityError(Diagnostic("E706", message, help="give the same `cordspec run` again")) from error
    return RunView(path, manifest, tuple(decodes), tuple(evals))


def _decode(path: Path, manifest: Manifest, entry: StageEntry) -> DecodeView:
    directory = path / STAGES / entry.id
    options = _options(manifest, entry.block)
    teachers = _options(manifest, str(options["pool"]))["teachers"]
    search = manifest.blocks[str(options["search"])]
    assert isinstance(teachers, list)
    return DecodeView(
        name=entry.block,
        stage=entry.id,
        doc=str(manifest.blocks[entry.block]["doc"]),
        problems=str(options["problems"]),
        pool=tuple(map(str, teachers)),
        search=str(search["component"]),
        measure=_measure(manifest, str(options["scorer"])),
        traces=tuple(read_lines(directory / "traces.jsonl", TraceRecord)),
        candidates=tuple(read_lines(directory / "candidates.jsonl", CandidateRecord)),
        costs=json.loads((directory / "ledger.json").read_text(encoding="utf-8")),
        seconds=entry.seconds,
    )


def _eval(path: Path, manifest: Manifest, entry: StageEntry) -> EvalView:
    directory = path / STAGES / entry.id
    options = _options(manifest, entry.block)
    model = str(options["model"])
    stored = json.loads((directory / "metrics.json").read_text(encoding="utf-8"))
    return EvalView(
        name=entry.block,
        stage=entry.id,
        model=model,
        model_kind=str(manifest.blocks[model]["kind"]),
        problems=str(options["problems"]),
        metrics=stored["metrics"],
        expect=_intervals(options.get("expect")),
        predictions=tuple(read_lines(directory / "predictions.jsonl", PredictionRecord)),
        costs=stored["ledger"],
        seconds=entry.seconds,
    )


def _measure(manifest: Manifest, scorer: str) -> str:
    options = _options(manifest, scorer)
    papers = manifest.blocks[scorer]["component"] == "predictive_perplexity"
    return "PP" if papers and options.get("mean") == "geometric" and not options.get("gain") else "score"


def _intervals(value: object) -> dict[str, tuple[float, float]]:
    table = value if isinstance(value, dict) else {}
    return {str(name): (float(ends[0]), float(ends[1])) for name, ends in table.items()}


def _options(manifest: Manifest, block: str) -> dict[str, object]:
    options = manifest.blocks[block]["options"]
    assert isinstance(options, dict)
    return options
