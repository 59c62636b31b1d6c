"""Grade the stored predictions of a run again, with other graders. No model is asked anything."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from cordspec.artifacts.choosing import choose
from cordspec.artifacts.manifest import MANIFEST, Manifest, StageEntry, read_manifest
from cordspec.artifacts.records import PredictionRecord, read_lines
from cordspec.artifacts.regrades import Disagreement, Regrade
from cordspec.artifacts.store import RunDirectory
from cordspec.artifacts.variants import read_variants, variant_manifest
from cordspec.diagnostics import Diagnostic
from cordspec.domain.problem import Problem
from cordspec.domain.prompt import THINK_CLOSE
from cordspec.domain.verdict import Verdict
from cordspec.errors import IntegrityError, PreflightError, UsageError
from cordspec.extension.component import Unavailable
from cordspec.extension.kinds.grader import Grader
from cordspec.extension.registry import Registry
from cordspec.run.stages.evaluate import EVALUATION, PREDICTIONS
from cordspec.run.stages.problems import read_problems


def regrade(run: Path, graders: Sequence[str], evals: Sequence[str], variant: str, registry: Registry) -> list[Regrade]:
    """Evaluations of a run, all for no names: the run's own verdicts beside those of one grader, or two graders' ones.

    Raises:
        UsageError: it is no run directory, or has no such evaluation or variant, or there is no such grader.
        IntegrityError: its files are missing or damaged.
    """
    directory = RunDirectory(run)
    manifest = read_manifest(run, _manifest_name(run, variant))
    made = {entry.block: entry for entry in manifest.stages if entry.kind == "evaluate"}
    wanted = [choose("eval", name, list(made)) for name in evals] or list(made)
    with ExitStack() as open_graders:
        opened = [_opened(name, registry) for name in graders]
        for grader in opened:
            open_graders.callback(grader.close)
        try:
            return [_regraded(directory, manifest, made[name], opened) for name in wanted]
        except Unavailable as error:
            raise PreflightError(Diagnostic("E601", str(error), help=error.help)) from error
        except (OSError, ValueError, KeyError, TypeError) as error:
            message = f"a finished stage of {run} cannot be read: {error}"
            raise IntegrityError(Diagnostic("E706", message, help="give the same `cordspec run` again")) from error


@dataclass(frozen=True, slots=True)
class _Answer:
    record: PredictionRecord
    written: str
    closed: bool
    problem: Problem

    def stored(self) -> Verdict:
        """What the run's own grader said."""
        record = self.record
        outcome = record.outcome or ("correct" if record.correct else "wrong")
        return Verdict(outcome, record.score, record.reason, record.answer)

    def by(self, grader: Grader) -> Verdict:
        if not self.closed:
            return Verdict.no_answer("it ended while thinking")
        return grader.mark(self.problem, self.written)


def _regraded(directory: RunDirectory, manifest: Manifest, entry: StageEntry, graders: Sequence[Grader]) -> Regrade:
    directory.verify(entry.id)
    names = [f"{grader.name} {grader.version}" for grader in graders]
    if len(graders) == 1:
        names.insert(0, f"the run ({_checked_by(directory.stage(entry.id))})")
    found: list[Disagreement] = []
    counts = [[0, 0], [0, 0]]
    draws = 0
    for answer in _answers(directory, manifest, entry):
        pair = [answer.by(grader) for grader in graders]
        if len(pair) == 1:
            pair.insert(0, answer.stored())
        first, second = pair
        draws += 1
        for count, verdict in zip(counts, pair, strict=True):
            count[0] += verdict.correct
            count[1] += verdict.outcome == "failed"
        if first.correct != second.correct:
            record = answer.record
            found.append(
                Disagreement(record.problem, record.sample, answer.problem.answer, answer.written, first, second)
            )
    (right_first, failed_first), (right_second, failed_second) = counts
    return Regrade(
        entry.block, names[0], names[1], draws, right_first, right_second, failed_first, failed_second, tuple(found)
    )


def _answers(directory: RunDirectory, manifest: Manifest, entry: StageEntry) -> Iterator[_Answer]:
    options = manifest.blocks[entry.block]["options"]
    assert isinstance(options, dict)
    source = next(one for one in manifest.stages if one.kind == "problems" and one.block == options["problems"])
    directory.verify(source.id)
    problems = {problem.id: problem for problem in read_problems(directory.stage(source.id))}
    for record in read_lines(directory.stage(entry.id) / PREDICTIONS, PredictionRecord):
        _, closed, written = record.text.rpartition(THINK_CLOSE)
        yield _Answer(record, written, bool(closed), problems[record.problem])


def _checked_by(stage: Path) -> str:
    path = stage / EVALUATION
    return str(json.loads(path.read_text(encoding="utf-8"))["checked_by"]) if path.exists() else "its grader"


def _opened(name: str, registry: Registry) -> Grader:
    known = sorted(registry.names("grader"))
    if name not in known:
        message = f"no grader named `{name}` is installed"
        raise UsageError(Diagnostic("E811", message, help=f"there are {', '.join(known)}"))
    component = registry.get("grader", name)
    assert issubclass(component, Grader)
    return component(component.options_type())


def _manifest_name(run: Path, variant: str) -> str:
    try:
        entries = {entry.name: entry for entry in read_variants(run)}
    except (OSError, ValueError, KeyError, TypeError):
        entries = {}
    if not entries and not variant:
        return MANIFEST
    return variant_manifest(choose("variant", variant, list(entries)))
