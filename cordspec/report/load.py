"""A run directory, read back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cordspec.artifacts.choosing import choose
from cordspec.artifacts.contamination import CONTAMINATION, Contamination, read_contamination
from cordspec.artifacts.manifest import MANIFEST, Manifest, StageEntry, read_manifest
from cordspec.artifacts.part import part_of
from cordspec.artifacts.records import CandidateRecord, PredictionRecord, TraceRecord, read_lines
from cordspec.artifacts.store import STAGES
from cordspec.artifacts.variants import VARIANTS, VariantEntry, read_variants, variant_manifest
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
    """The draws without their texts, which a report does not read."""
    costs: Costs
    seconds: float
    asked: dict[str, Any] | None = None
    """Templates, data and sampling of the requests; None where an earlier version did not write them down."""
    checked_by: str = ""
    judge: dict[str, Any] | None = None
    """What decides what a judge says, by place: empty where a grader checked, None where an earlier version wrote none."""
    answers: dict[str, Any] = field(default_factory=dict)
    """What became of the draws: outcomes, shares without an answer and cut off, mean length."""


@dataclass(frozen=True, slots=True)
class TrainingView:
    """A finished training: what its trainer logged and, where it looked at its rows before, what it found."""

    name: str
    outcome: dict[str, Any]
    audit: dict[str, Any] | None
    seconds: float

    @property
    def losses(self) -> tuple[float, ...]:
        return tuple(map(float, self.outcome["losses"]))


@dataclass(frozen=True, slots=True)
class RunView:
    """Everything that a report is made from."""

    path: Path
    manifest: Manifest
    decodes: tuple[DecodeView, ...]
    evals: tuple[EvalView, ...]
    contaminations: Mapping[str, Contamination] = field(default_factory=dict)
    """What of a student's training data stands in evaluation sets, by student, where that was looked at."""
    trainings: tuple[TrainingView, ...] = ()


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


def load_part(run: RunView) -> DecodeView:
    """The part of the unfinished decode that was written beside the stages of a run (`cordspec.artifacts.part`).

    Raises:
        IntegrityError: there is none, or it is damaged.
    """
    entry = run.manifest.begun
    assert entry is not None, "asked for by `unfinished`"
    try:
        return _decode(part_of(run.path).path, run.manifest, entry)
    except (OSError, ValueError, KeyError, TypeError) as error:
        message = f"the part of {entry.block} in {run.path} cannot be read: {error}"
        raise IntegrityError(Diagnostic("E706", message, help="give the same command again")) from error


def choose_eval(place: str) -> EvalView:
    """The evaluation at ``RUN`` or ``RUN:EVAL``.

    Raises:
        UsageError, IntegrityError: as `load_run`; or there is no such evaluation, or several and none is named.
    """
    run, colon, name = place.rpartition(":")
    if not colon or Path(place).is_dir():
        run, name = place, ""
    evals = {one.name: one for one in load_run(Path(run)).evals}
    return evals[choose("eval", name, list(evals))]


def load_run(path: Path, manifest_name: str = MANIFEST) -> RunView:
    """The view of a run directory, or of one of its variants.

    Raises:
        UsageError: it is not one.
        IntegrityError: a stage that it names is missing or damaged.
    """
    manifest = read_manifest(path, manifest_name)
    try:
        decodes = [_decode(path, manifest, entry) for entry in manifest.stages if entry.kind == "decode"]
        trainings = [_training(path, entry) for entry in manifest.stages if entry.kind == "train"]
        evals = [_eval(path, manifest, entry) for entry in manifest.stages if entry.kind == "evaluate"]
        contaminations = {
            entry.block: read_contamination(file)
            for entry in manifest.stages
            if entry.kind == "train" and (file := path / STAGES / entry.id / CONTAMINATION).is_file()
        }
    except (OSError, ValueError, KeyError, TypeError) as error:
        message = f"a finished stage of {path} cannot be read: {error}"
        raise IntegrityError(Diagnostic("E706", message, help="give the same `cordspec run` again")) from error
    return RunView(path, manifest, tuple(decodes), tuple(evals), contaminations, tuple(trainings))


def finished_traces(path: Path, variant: str, decode: str) -> list[TraceRecord]:
    """The traces of a decode in a run directory; none where there is no such run, variant or finished decode."""
    name = variant_manifest(variant) if (path / VARIANTS).is_file() else MANIFEST
    if not (path / name).is_file():
        return []
    stages = {entry.block: entry.id for entry in read_manifest(path, name).stages if entry.kind == "decode"}
    return list(read_lines(path / STAGES / stages[decode] / "traces.jsonl", TraceRecord)) if decode in stages else []


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


def _training(path: Path, entry: StageEntry) -> TrainingView:
    directory = path / STAGES / entry.id
    outcome = {"shortened": 0, **json.loads((directory / "training.json").read_text(encoding="utf-8"))}
    audit = directory / "audit.json"
    looked = json.loads(audit.read_text(encoding="utf-8")) if audit.is_file() else None
    return TrainingView(entry.block, outcome, looked, entry.seconds)


def _eval(path: Path, manifest: Manifest, entry: StageEntry) -> EvalView:
    directory = path / STAGES / entry.id
    options = _options(manifest, entry.block)
    model = str(options["model"])
    stored = json.loads((directory / "metrics.json").read_text(encoding="utf-8"))
    described = directory / "evaluation.json"
    record = json.loads(described.read_text(encoding="utf-8")) if described.exists() else {}
    return EvalView(
        name=entry.block,
        stage=entry.id,
        model=model,
        model_kind=str(manifest.blocks[model]["kind"]),
        problems=str(options["problems"]),
        metrics=stored["metrics"],
        expect=_intervals(options.get("expect")),
        predictions=tuple(
            replace(one, text="") for one in read_lines(directory / "predictions.jsonl", PredictionRecord)
        ),
        costs=stored["ledger"],
        seconds=entry.seconds,
        asked=record.get("asked"),
        checked_by=record.get("checked_by", ""),
        judge=record.get("judge"),
        answers=record.get("answers", {}),
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
