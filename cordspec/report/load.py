"""A run directory, read back."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from cordspec.artifacts.manifest import Manifest, StageEntry, read_manifest
from cordspec.artifacts.records import CandidateRecord, PredictionRecord, TraceRecord, read_lines
from cordspec.artifacts.store import STAGES
from cordspec.diagnostics import Diagnostic
from cordspec.errors import IntegrityError

Costs = dict[str, dict[str, float]]
"""Spending by role, as in a stage's ledger."""


@dataclass(frozen=True, slots=True)
class DecodeView:
    """A finished decode."""

    name: str
    doc: str
    problems: str
    pool: tuple[str, ...]
    search: str
    traces: tuple[TraceRecord, ...]
    candidates: tuple[CandidateRecord, ...]
    costs: Costs
    seconds: float


@dataclass(frozen=True, slots=True)
class EvalView:
    """A finished evaluation. ``metrics`` is as the evaluator gave it."""

    name: str
    model: str
    model_kind: str
    problems: str
    metrics: dict[str, dict[str, float]]
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


def load_run(path: Path) -> RunView:
    """The view of a run directory.

    Raises:
        UsageError: it is not one.
        IntegrityError: a stage that it names is missing or damaged.
    """
    manifest = read_manifest(path)
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
        doc=str(manifest.blocks[entry.block]["doc"]),
        problems=str(options["problems"]),
        pool=tuple(map(str, teachers)),
        search=str(search["component"]),
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
        model=model,
        model_kind=str(manifest.blocks[model]["kind"]),
        problems=str(options["problems"]),
        metrics=stored["metrics"],
        predictions=tuple(read_lines(directory / "predictions.jsonl", PredictionRecord)),
        costs=stored["ledger"],
        seconds=entry.seconds,
    )


def _options(manifest: Manifest, block: str) -> dict[str, object]:
    options = manifest.blocks[block]["options"]
    assert isinstance(options, dict)
    return options
