"""The pipeline: one function per arrow.

::

    text --parse--> File --resolve--> Experiment --plan--> Graph --execute--> run directory --load, render--> Report

Each product is immutable and printable; data never flows back. What only a run or a report needs is imported by the
functions that need it: checking a spec in somebody's CI has to be quick.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from cordspec.diagnostics import Diagnostic, Source
from cordspec.errors import SpecError, UsageError
from cordspec.extension.checkout import project_root
from cordspec.extension.registry import Registry
from cordspec.model import BASE, Experiment, Variant, resolve_variants
from cordspec.model import resolve as _resolve
from cordspec.model.library import read_text, why_unreadable
from cordspec.syntax import parse as _parse
from cordspec.syntax.nodes import File

if TYPE_CHECKING:
    from cordspec.artifacts.harnessed import Harnessed
    from cordspec.artifacts.probes import Probe
    from cordspec.artifacts.regrades import Regrade
    from cordspec.artifacts.replays import Replay
    from cordspec.artifacts.status import Status
    from cordspec.journal.repairing import Saved
    from cordspec.plan import Graph
    from cordspec.plan.assumptions import Assumptions
    from cordspec.report.export.columns import Form
    from cordspec.report.export.export import Exported, Format
    from cordspec.report.export.rows import Keep
    from cordspec.report.provenance.drawing import TreeFormat
    from cordspec.report.table import Report
    from cordspec.run.changes import Comparison
    from cordspec.run.events import Observer
    from cordspec.run.planning import Plan
    from cordspec.run.probing.settings import ProbeSettings
    from cordspec.run.simulating.forecast import Forecast
    from cordspec.run.verifying import Verified

__all__ = [
    "compare", "decontaminate", "dump_journal", "estimate", "evaluate_tasks", "execute", "export", "forecasts",
    "lm_eval_table", "load", "parse", "plan", "probe", "read", "refuse_absent", "regrade", "render", "render_probe",
    "render_regrade", "render_replay", "render_tasks", "repair_journal", "replay", "resolve", "stats", "status", "tree",
    "validate", "variants", "verify_lock", "verify_run", "what_changed", "write_replayed_traces", "write_report",
    "write_text",
]  # fmt: skip


def read(path: Path) -> Source:
    """The text of a spec.

    Raises:
        UsageError: it cannot be read.
    """
    try:
        if path.is_symlink() and not path.resolve().is_relative_to(project_root(path.parent)):
            message = f"{path} is a link that leads out of the project"
            raise UsageError(Diagnostic("E107", message, help="give the file itself"))
        return Source(str(path), read_text(path))
    except (OSError, ValueError) as error:
        message = f"cannot read {path}: {why_unreadable(error)}"
        raise UsageError(Diagnostic("E106", message, help="give the path of a .cord file")) from error


def parse(source: Source) -> tuple[File, list[Diagnostic]]:
    """Text to syntax tree, with everything that is wrong with the text."""
    return _parse(source)


def resolve(
    source: Source, sets: Iterable[str] = (), registry: Registry | None = None
) -> tuple[Experiment | None, list[Diagnostic]]:
    """Text to typed experiment, None when it has errors, with all diagnostics sorted by place."""
    return _resolve(source, registry or Registry(), sets)


def validate(source: Source, sets: Iterable[str] = (), registry: Registry | None = None) -> list[Diagnostic]:
    """Everything that is wrong with a spec, or with a file of blocks for others to import."""
    return _resolve(source, registry or Registry(), sets, library=True)[1]


def variants(
    source: Source, sets: Iterable[str] = (), registry: Registry | None = None
) -> tuple[list[Variant], list[Diagnostic]]:
    """All variants of a spec's sweep; `base` alone for a spec without one, none when it has errors."""
    return resolve_variants(source, registry or Registry(), sets)


def load(path: Path, sets: Iterable[str] = (), registry: Registry | None = None) -> Experiment:
    """The experiment of a spec file.

    Raises:
        SpecError: the spec has errors; it carries all of them.
    """
    experiment, diagnostics = resolve(read(path), sets, registry)
    if experiment is None:
        raise SpecError(*diagnostics)
    return experiment


def plan(experiment: Experiment, limit: int | None = None) -> Graph:
    """Experiment to graph of stages with their content hashes; loads problems and hashes weights, opens no model.

    Raises:
        SpecError: a problem set is wrong.
        PreflightError: data or weights are not here.
    """
    from cordspec.run.identities import Identities
    from cordspec.run.preparing import prepare

    return prepare(experiment, Identities(limit))[0]


def estimate(variants: Sequence[Variant], out: Path, assumed: Assumptions, limit: int | None = None) -> Plan:
    """What the variants would do and cost beside what a run directory holds; opens and fetches nothing."""
    from cordspec.run.planning import make_plan

    return make_plan(variants, out, assumed, limit)


def forecasts(plan: Plan, variants: Sequence[Variant], registry: Registry | None = None) -> list[Forecast]:
    """What the decodes of the first variant would come to on its cluster: simulated, in seconds of real time."""
    from cordspec.run.simulating.forecast import forecast

    experiment, known = variants[0].experiment, registry or Registry()
    return [
        forecast(experiment, cost.stage.block, cost.items, cost.assumed or plan.assumed, known)
        for cost in plan.variants[0].costs
        if cost.stage.kind == "decode"
    ]


def decontaminate(variants: Sequence[Variant], run: Path) -> Report:
    """Which training rows stand in the sets that students are measured on; traces are those of a run directory, if it is one.

    Raises:
        CordspecError: a problem set is wrong, or not on this machine.
    """
    from cordspec.report.contaminated import contamination_report
    from cordspec.report.load import finished_traces
    from cordspec.run.decontaminating import decontaminate as _decontaminate

    def traces_of(variant: str, decode: str) -> list[tuple[str, str]]:
        made = finished_traces(run, variant, decode)
        return [(trace.question, f"{trace.thinking}\n{trace.answer}") for trace in made]

    return contamination_report(variants[0].experiment.name, _decontaminate(variants, traces_of))


def what_changed(
    variants: Sequence[Variant], out: Path, *, limit: int | None = None, registry: Registry | None = None
) -> Comparison:
    """What a run of all variants would use again of a run directory, make again and set aside; nothing is done.

    Raises:
        SpecError, PreflightError: data or weights are wrong or not here.
    """
    from cordspec.run.identities import Identities
    from cordspec.run.preparing import Limits, look_ahead

    limits = Limits(limit, (), tuple(one.name for one in variants))
    return look_ahead(variants, registry or Registry(), out, limits, Identities(limit))


def status(run: Path) -> Status:
    """How far a run is, as its process last said.

    Raises:
        UsageError: it is no run directory, or was never run by a cordspec that says so.
    """
    from cordspec.artifacts.status import STATUS, read_status

    found = read_status(run)
    if found is None:
        message = f"{run} holds no readable {STATUS}"
        help = "give the directory that `cordspec run` printed; it is written as soon as a run begins"
        raise UsageError(Diagnostic("E708", message, help=help))
    return found


def refuse_absent(experiment: Experiment) -> None:
    """Refuse what only a later version of cordspec can run.

    Raises:
        PreflightError: the experiment names such components.
    """
    from cordspec.run.preparing import refuse_absent as _refuse_absent

    _refuse_absent(experiment)


def execute(
    what: Experiment | Sequence[Variant],
    out: Path,
    *,
    limit: int | None = None,
    only: Sequence[str] = (),
    known: Sequence[str] = (),
    crashes: int | None = None,
    apply: bool = False,
    observer: Observer | None = None,
    registry: Registry | None = None,
) -> Path:
    """Run an experiment or the variants of a sweep, or what is left of them, in ``out``; returns that directory.

    ``limit`` takes the first problems of each set, ``only`` these stages with what they need; ``known`` are the
    names of all variants of the spec where only some are run. A problem that was under way when the process ended
    ``crashes`` times is set aside (default 3, at least 2, 0 for never). With ``apply`` it goes on where finished stages of
    the directory would not be used any more; they stay where they are.

    Raises:
        SetAside: there are such stages, and ``apply`` does not say to go on; nothing was done.
        CordspecError: what went wrong, with its exit code; finished stages and all answers stay.
        Interrupted: SIGINT or SIGTERM stopped it; all answers stay.
    """
    import asyncio

    from cordspec.run.events import Silence
    from cordspec.run.executor import execute as _execute
    from cordspec.run.preparing import Limits

    chosen = [Variant(BASE, BASE, {}, what)] if isinstance(what, Experiment) else what
    limits = Limits(limit, tuple(only), tuple(known) or tuple(one.name for one in chosen), apply)
    if crashes is not None:
        limits = replace(limits, crashes=crashes)
    return asyncio.run(_execute(chosen, registry or Registry(), out, observer or Silence(), limits))


def verify_run(run: Path) -> Verified:
    """Read all of a run's journal and of its finished stages; changes nothing.

    Raises:
        CordspecError: something is not what was written, or a process works in the run.
    """
    from cordspec.run.verifying import verify

    return verify(run)


def repair_journal(run: Path, *, dry_run: bool) -> Saved:
    """Make a journal of the rows of a damaged one that can be read; the damaged files stay beside it.

    Raises:
        CordspecError: nothing can be read, or a process works in the run.
    """
    from cordspec.artifacts.store import RunDirectory
    from cordspec.journal.repairing import repair

    return repair(RunDirectory(run).journal, dry_run=dry_run)


def dump_journal(run: Path) -> Iterator[dict[str, object]]:
    """All rows of a run's journal, in order.

    Raises:
        CordspecError: it is damaged, or a process works in the run.
    """
    from cordspec.run.verifying import dump

    return dump(run)


def verify_lock(spec: Path, experiments: Sequence[Experiment], registry: Registry) -> None:
    """Compare what is here with what the lock of a spec says.

    Raises:
        IntegrityError: it drifted, or there is no lock.
    """
    from cordspec.run.locking import verify_lock as _verify_lock

    _verify_lock(spec, experiments, registry)


def write_text(path: Path, text: str) -> None:
    """Write a small file of the user's, with the permissions that new files have here, through to the disk.

    Raises:
        IncompleteError: it cannot be written.
    """
    from cordspec.artifacts.store import disk_errors
    from cordspec.artifacts.store import write_text as _write_text

    with disk_errors(path.parent):
        _write_text(path, text, mode=0o666)


def write_report(run: Path, report: Report) -> None:
    """Put ``report.md`` and ``report.json`` into a run directory."""
    from cordspec.artifacts.store import RunDirectory

    directory = RunDirectory(run)
    directory.write("report.md", report.to_markdown())
    directory.write("report.json", report.to_json())


def render(run: Path) -> Report:
    """The report of a run directory, made from its files alone.

    Raises:
        UsageError: it is not a run directory.
    """
    from cordspec.report.load import load_run, load_variants
    from cordspec.report.report import make_report
    from cordspec.report.sweep import make_sweep_report

    found = load_variants(run)
    return make_sweep_report(found) if found else make_report(load_run(run))


def lm_eval_table(run: Path, variant: str = "") -> str:
    """The evaluations of a run in the shape of lm-evaluation-harness's table.

    Raises:
        UsageError: it is no run directory, or has no such variant, or several and none is named.
    """
    from cordspec.report.lm_eval import lm_eval_table as _lm_eval_table
    from cordspec.report.load import choose_run

    return _lm_eval_table(choose_run(run, variant))


def stats(run: Path, decode: str | None = None, variant: str | None = None) -> tuple[Report, str]:
    """What the events of a decode tell, as tables, and its teacher hit rate over progress as SVG.

    Raises:
        UsageError: the run has no such decode, or several and none is named.
        IntegrityError: its files are missing or damaged.
    """
    from cordspec.report.provenance.figure import hit_rate_figure
    from cordspec.report.provenance.load import load_provenance
    from cordspec.report.provenance.stats import make_stats
    from cordspec.report.provenance.tables import stats_report

    made = make_stats(load_provenance(run, decode, variant))
    return stats_report(made), hit_rate_figure(made.shares, f"Teacher hit rate: {made.decode}")


def tree(
    run: Path,
    decode: str | None = None,
    variant: str | None = None,
    problem: str | None = None,
    format: TreeFormat = "text",
) -> str:
    """The search trees of a decode, of all its problems or of one.

    Raises:
        UsageError: the run has no such decode or problem, or several and none is named.
        IntegrityError: its files are missing or damaged.
    """
    from cordspec.report.provenance.drawing import draw_trees
    from cordspec.report.provenance.load import choose_problem, load_provenance

    found = load_provenance(run, decode, variant)
    return draw_trees(found if problem is None else choose_problem(found, problem), format)


def export(
    run: Path,
    to: Path,
    *,
    decode: str = "",
    variant: str = "",
    forms: Sequence[Form] = (),
    formats: Sequence[Format] = ("jsonl",),
    keep: Keep | None = None,
    margin: float = 0.0,
    partial: bool = False,
    registry: Registry | None = None,
) -> Exported:
    """Training data from a finished decode of a run directory, made from its files alone, in a directory of its own.

    ``forms`` are all for none. With ``partial`` a decode that is not finished will do too: what its journal answers to the
    end is made into a stage beside the others first, for which models are opened and nothing is asked.

    Raises:
        UsageError: there is no such decode, or nothing to export, or something else lies in ``to``.
        CordspecError: the run is damaged, the disk is full, pyarrow is missing.
    """
    from cordspec.report.export.columns import FORMS
    from cordspec.report.export.export import export as _export
    from cordspec.report.export.rows import Selection
    from cordspec.report.export.source import find_source, part_source, unfinished

    begun = unfinished(run, decode) if partial and not variant else None
    if begun is None:
        source = find_source(run, decode, variant)
    else:
        import asyncio

        from cordspec.run.part import write_part

        count = asyncio.run(write_part(run, begun, registry or Registry()))
        source = part_source(run, count.pending)
    return _export(source, to, Selection(tuple(forms) or FORMS, keep, margin), formats)


def replay(
    run: Path, sets: Sequence[str] = (), *, decodes: Sequence[str] = (), variant: str = "",
    registry: Registry | None = None,
) -> list[Replay]:  # fmt: skip
    """Decide decodes of a finished run again with other settings, as far as its stored candidates suffice.

    Raises:
        UsageError: it is no run directory, or has no such decode or variant.
        SpecError: a setting is wrong.
    """
    import asyncio

    from cordspec.run.replaying import replay as _replay

    return asyncio.run(_replay(run, decodes, variant, sets, registry or Registry()))


def render_replay(replays: Sequence[Replay]) -> Report:
    """What a replay says."""
    from cordspec.report.replayed import make_replay_report

    return make_replay_report(replays)


def regrade(
    run: Path, graders: Sequence[str], *, evals: Sequence[str] = (), variant: str = "", registry: Registry | None = None
) -> list[Regrade]:
    """Grade stored predictions again: the run's own verdicts beside one grader's, or two graders' ones. Asks no model.

    Raises:
        UsageError: it is no run directory, or has no such evaluation or variant, or there is no such grader.
        IntegrityError: its files are missing or damaged.
    """
    from cordspec.run.regrading import regrade as _regrade

    return _regrade(run, graders, evals, variant, registry or Registry())


def render_regrade(regrades: Sequence[Regrade]) -> Report:
    """What two graders say, and where they do not agree."""
    from cordspec.report.regraded import make_regrade_report

    return make_regrade_report(regrades)


def compare(first: str, second: str) -> Report:
    """Two evaluations, each ``RUN`` or ``RUN:EVAL``, paired over problems.

    Raises:
        UsageError: one is no run directory or has no such evaluation, or they were not asked alike.
        IntegrityError: files are missing or damaged.
    """
    from cordspec.report.compared import make_comparison
    from cordspec.report.load import choose_eval

    return make_comparison(choose_eval(first), choose_eval(second), (first, second))


def evaluate_tasks(
    run: Path, tasks: Sequence[str], *, include: Sequence[str] = (), model: str = "", limit: int | None = None,
    shots: int | None = None, chat: bool = False, registry: Registry | None = None,
) -> Harnessed:  # fmt: skip
    """Evaluate a model of a run on tasks of lm-evaluation-harness; answers go into the run's journal, the result beside it.

    Raises:
        UsageError: it is no run directory, has no such model, or lm-eval cannot evaluate a task.
        PreflightError: lm-eval is not installed.
    """
    import asyncio

    from cordspec.run.harness.asking import Tasks, evaluate

    wanted = Tasks(tuple(tasks), tuple(include), limit, shots, chat)
    return asyncio.run(evaluate(run, model, wanted, registry or Registry()))


def render_tasks(made: Harnessed) -> Report:
    """What tasks of lm-evaluation-harness found."""
    from cordspec.report.harnessed import make_harness_report

    return make_harness_report(made)


def write_replayed_traces(directory: Path, replays: Sequence[Replay]) -> None:
    """Write the traces that came out, a file for each decode.

    Raises:
        IncompleteError: it cannot be written.
    """
    from cordspec.artifacts.records import to_lines
    from cordspec.artifacts.store import disk_errors

    with disk_errors(directory):
        directory.mkdir(parents=True, exist_ok=True)
    for one in replays:
        write_text(directory / f"{one.decode}.jsonl", to_lines(each.trace for each in one.problems if each.trace))


def probe(
    experiment: Experiment, out: Path, *, decode: str = "", settings: ProbeSettings | None = None,
    registry: Registry | None = None,
) -> Probe:  # fmt: skip
    """Look closely at a few problems of a decode before it is paid for; answers go into ``out``, with ``probe.json``.

    Raises:
        UsageError: the spec has no such decode, or several and none is named.
        CordspecError: as `execute`.
    """
    import asyncio

    from cordspec.run.probing.probe import probe as _probe
    from cordspec.run.probing.settings import ProbeSettings

    return asyncio.run(_probe(experiment, registry or Registry(), out, settings or ProbeSettings(), decode))


def render_probe(found: Probe) -> Report:
    """What a probe says."""
    from cordspec.report.probed import make_probe_report

    return make_probe_report(found)
