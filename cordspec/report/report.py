"""A report: every number of a run with n and its error, as data; tables are made from it, never beside it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from cordspec.report import measures
from cordspec.report.load import DecodeView, EvalView, RunView
from cordspec.report.provenance.hits import share_by_progress
from cordspec.report.provenance.load import ledgers
from cordspec.report.statistics import Comparison, Estimate

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class Table:
    """A titled table of text cells, with a note on how to read it."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """The report of one run."""

    title: str
    lines: tuple[str, ...]
    tables: tuple[Table, ...]
    data: dict[str, object]
    failed: tuple[str, ...] = ()
    """Expectations of the spec that do not hold, in words."""

    def to_json(self) -> str:
        return json.dumps(self.data, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"

    def to_markdown(self) -> str:
        parts = [f"# {self.title}", *self.lines]
        for table in self.tables:
            parts += [f"## {table.title}", _markdown_table(table)]
            if table.note:
                parts.append(table.note)
        return "\n\n".join(parts) + "\n"


def make_report(run: RunView) -> Report:
    """The report of a run."""
    manifest = run.manifest
    compared = measures.comparisons(run)
    versions = ", ".join(f"{name} {version}" for name, version in manifest.versions.items())
    lines = [manifest.doc] if manifest.doc else []
    limited = f", first {manifest.limit} problems of each set" if manifest.limit else ""
    lines.append(f"Seed {manifest.seed}{limited}. {versions}.")
    tables = [
        _traces_table(run.decodes),
        _evaluations_table(run.evals),
        expectation_table(measures.expectations(run)),
        comparison_table(compared),
        _cost_table(run),
        _tokens_table(run),
        *(_share_table(decode) for decode in run.decodes if len(decode.pool) > 1),
        *(_tag_table(decode) for decode in run.decodes if measures.share_by_tag(decode.traces)),
    ]
    return Report(
        f"cordspec report: {manifest.experiment}",
        tuple(lines),
        tuple(t for t in tables if t.rows),
        report_data(run, compared),
        failures(measures.expectations(run)),
    )


def failures(found: Sequence[measures.Expectation], variant: str = "") -> tuple[str, ...]:
    """Expectations that do not hold, each in a line with n and its error."""
    where = f"{variant}: " if variant else ""
    return tuple(
        f"{where}`{one.eval}` expects {one.metric} in {one.low:.3f} to {one.high:.3f}"
        f" and found {one.found} (n = {one.found.n})"
        for one in found
        if not one.holds
    )


def report_data(run: RunView, compared: Sequence[Comparison]) -> dict[str, object]:
    """Every number of a run."""
    return {
        "schema_version": SCHEMA_VERSION,
        "experiment": run.manifest.experiment,
        "seed": run.manifest.seed,
        "limit": run.manifest.limit,
        "versions": run.manifest.versions,
        "engine_tokens_of_last_process": run.manifest.engine,
        "traces": {
            decode.name: {
                "problems": decode.problems,
                "search": decode.search,
                "accuracy": asdict(measures.accuracy(decode)),
                **{name: asdict(value) for name, value in measures.perplexities(decode).items()},
                "generated_tokens": measures.generated_tokens(decode),
                "kept_tokens": measures.kept_tokens(decode),
                "candidates": len(decode.candidates),
                "forced": sum(trace.forced for trace in decode.traces),
                "violations": measures.violations(decode),
                "seconds": decode.seconds,
                "costs": decode.costs,
                "teacher_share_by_fifth": measures.teacher_share(decode.traces),
                "teacher_share_by_tag": measures.share_by_tag(decode.traces),
            }
            for decode in run.decodes
        },
        "evaluations": {
            one.name: {
                "model": one.model,
                "model_kind": one.model_kind,
                "problems": one.problems,
                "metrics": one.metrics,
                "seconds": one.seconds,
                "costs": one.costs,
            }
            for one in run.evals
        },
        "comparisons": [asdict(comparison) for comparison in compared],
        "expectations": [{**asdict(one), "holds": one.holds} for one in measures.expectations(run)],
    }


def _traces_table(decodes: Sequence[DecodeView]) -> Table:
    rows = []
    beside = any(measures.perplexities(decode)["score_reference"].n for decode in decodes)
    for decode in decodes:
        scores = measures.perplexities(decode)
        generated, right = measures.generated_tokens(decode), measures.accuracy(decode)
        kept = measures.kept_tokens(decode) / generated if generated else 0.0
        rows.append(
            (
                decode.name, decode.search, str(right.n), str(right), _number(scores["score_final"]),
                _number(scores["score_before_last_step"]), _number(scores["score_mean_over_steps"]),
                *((_number(scores["score_reference"]),) if beside else ()), f"{generated:,}", f"{kept:.0%}",
            )
        )  # fmt: skip
    measure = measure_of(decodes)
    scored = (f"{measure} final", f"{measure} before last", f"{measure} mean", *(("PP reference",) if beside else ()))
    columns = ("decode", "search", "n", "accuracy", *scored, "tokens", "kept")
    note = (
        f"n problems, mean ± standard error. {measure[0].upper()}{measure[1:]}: the guiding scorer's value at the end, "
        "before the last step, and over all steps. Tokens: all that teachers generated for the search; kept: the share "
        "that stands in the traces."
    )
    if beside:
        note += " PP reference: predictive perplexity at the end under the fixed prover beside the guiding one."
    return Table("Traces", columns, tuple(rows), note)


def measure_of(decodes: Sequence[DecodeView]) -> str:
    """What the scores of these decodes are called together."""
    return "PP" if all(decode.measure == "PP" for decode in decodes) else "score"


def _evaluations_table(evals: Sequence[EvalView]) -> Table:
    rows = []
    for one in evals:
        for name, metric in one.metrics.items():
            shown = str(Estimate(metric["value"], metric["standard_error"], int(metric["n"])))
            sizes = (f"{metric['n']:g}", f"{metric['samples']:g}")
            rows.append((one.name, one.model, one.model_kind, one.problems, name, shown, *sizes))
    columns = ("eval", "model", "kind", "problems", "metric", "value", "n", "samples")
    return Table("Evaluations", columns, tuple(rows), "The standard error is over problems.")


def expectation_table(found: Sequence[measures.Expectation]) -> Table:
    """What the spec expects beside what was found."""
    rows = tuple(
        (one.eval, one.metric, f"{one.low:.3f} to {one.high:.3f}", str(one.found), str(one.found.n),
         "holds" if one.holds else "FAILS")
        for one in found
    )  # fmt: skip
    note = "The spec's `expect`: whether the value lies in the range. A standard error as wide as the range decides little."
    return Table("Expectations", ("eval", "metric", "expected", "found", "n", "verdict"), rows, note)


def comparison_table(compared: Sequence[Comparison]) -> Table:
    rows = tuple(
        (f"{one.first} − {one.second}", signed(one.difference),
         str(one.difference.n), f"{one.p:.4f}")
        for one in compared
    )  # fmt: skip
    note = "Difference in share of right answers, paired over problems; p: two-sided sign-flip test, 10,000 draws."
    return Table("Paired comparisons", ("difference", "value", "n", "p"), rows, note)


def _cost_table(run: RunView) -> Table:
    stages: list[DecodeView | EvalView] = [*run.decodes, *run.evals]
    rows = [
        (stage.name, role, f"{spend['calls']:,.0f}", f"{spend['generated_tokens']:,.0f}",
         f"{spend['scored_tokens']:,.0f}", f"{spend['prompt_tokens']:,.0f}", f"{spend['seconds']:.1f}")
        for stage in stages
        for role, spend in stage.costs.items()
    ]  # fmt: skip
    seconds = {entry.block: entry.seconds for entry in run.manifest.stages}
    rows += [
        (e.block, "training", "", "", "", "", f"{seconds[e.block]:.1f}")
        for e in run.manifest.stages
        if e.kind == "train"
    ]
    columns = ("stage", "role", "calls", "generated", "scored", "prompt", "seconds")
    note = "Tokens by role. Prompt tokens are counted as sent; seconds are the engine's busy time."
    return Table("Cost", columns, tuple(rows), note)


def _tokens_table(run: RunView) -> Table:
    rows = []
    for name, ledger in ledgers(run).items():
        spent = ledger.all_tokens
        parts = (spent.kept, spent.discarded, spent.invalid, spent.cut, spent.copies)
        shares = (f"{part / spent.generated:.0%}" if spent.generated else "–" for part in parts)
        rows.append((name, f"{spent.generated:,}", *shares))
    note = (
        "What became of the tokens that were generated for a search: steps that stand in the traces, other steps of valid "
        "candidates, invalid proposals, text cut off after a step, copies of another's step."
    )
    columns = ("decode", "generated", "kept", "discarded", "invalid", "cut off", "copies")
    return Table("Tokens of the search", columns, tuple(rows), note)


def _share_table(decode: DecodeView) -> Table:
    bands = share_by_progress([[step.authors for step in trace.steps] for trace in decode.traces], measures.BINS)
    teachers = sorted({teacher for teacher, _ in bands})
    width = 100 // measures.BINS
    rows = tuple(
        (
            f"{at * width}–{(at + 1) * width} %",
            f"{bands[teachers[0], at].n:g}",
            *(str(bands[name, at]) for name in teachers),
        )
        for at in range(measures.BINS)
        if teachers and (teachers[0], at) in bands
    )
    note = (
        "Share of the chosen steps by author over the progress of a trace, with 95 % bootstrap bands over problems; authors "
        "of the same step share it. `cordspec stats` has more."
    )
    return Table(f"Teacher share by progress: {decode.name}", ("progress", "steps", *teachers), rows, note)


def _tag_table(decode: DecodeView) -> Table:
    shares = measures.share_by_tag(decode.traces)
    authors = sorted({author for parts in shares.values() for author in parts})
    rows = tuple((tag, *(f"{parts.get(author, 0.0):.0%}" for author in authors)) for tag, parts in shares.items())
    return Table(f"Teacher share by kind of step: {decode.name}", ("step", *authors), rows)


def signed(value: Estimate) -> str:
    """A difference with its sign."""
    shown = str(value)
    return shown if shown.startswith("-") or value.value is None else f"+{shown}"


def _number(value: Estimate) -> str:
    return "–" if value.value is None else f"{value.value:.3f}"


def _markdown_table(table: Table) -> str:
    def row(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"

    return "\n".join([row(table.columns), "|" + " --- |" * len(table.columns), *(row(cells) for cells in table.rows)])
