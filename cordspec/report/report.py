"""A report: every number of a run with n and its error, as data; tables are made from it, never beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Final

from cordspec.report import measures
from cordspec.report.comparable import Refused
from cordspec.report.contaminated import contamination_table, not_compared
from cordspec.report.load import DecodeView, EvalView, RunView
from cordspec.report.provenance.hits import share_by_progress, share_by_tag, values
from cordspec.report.provenance.load import ledgers
from cordspec.report.provenance.tables import share_table, tag_table
from cordspec.report.statistics import Comparison, Estimate
from cordspec.report.table import Report, Table
from cordspec.report.training import training_data, training_table

SCHEMA_VERSION = 1
FIFTHS: Final = 5
"""Bins of a trace's progress."""


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
        training_table(run.trainings),
        evaluations_table(run.evals),
        answers_table(run.evals),
        expectation_table(measures.expectations(run)),
        comparison_table(compared),
        contamination_table(run.contaminations, not_compared(run)),
        refused_table(measures.refused(run)),
        _cost_table(run),
        _tokens_table(run),
        *(_share_table(decode) for decode in run.decodes if len(decode.pool) > 1),
        *(tag_table(share_by_tag(one.traces), f"Teacher share by kind of step: {one.name}") for one in run.decodes),
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
                "not_graded": measures.not_graded(decode),
                **{name: asdict(value) for name, value in measures.perplexities(decode).items()},
                "generated_tokens": measures.generated_tokens(decode),
                "kept_tokens": measures.kept_tokens(decode),
                "candidates": len(decode.candidates),
                "forced": sum(trace.forced for trace in decode.traces),
                "violations": measures.violations(decode),
                "seconds": decode.seconds,
                "costs": decode.costs,
                "teacher_share_by_fifth": values(share_by_progress(_authors(decode), FIFTHS, draws=0)),
                "teacher_share_by_tag": values(share_by_tag(decode.traces, draws=0)),
            }
            for decode in run.decodes
        },
        "trainings": training_data(run.trainings),
        "evaluations": {
            one.name: {
                "model": one.model,
                "model_kind": one.model_kind,
                "problems": one.problems,
                "metrics": one.metrics,
                "answers": one.answers,
                "asked": one.asked,
                "checked_by": one.checked_by,
                "judge": one.judge,
                "seconds": one.seconds,
                "costs": one.costs,
            }
            for one in run.evals
        },
        "contamination": {name: one.as_dict() for name, one in run.contaminations.items()},
        "comparisons": [asdict(comparison) for comparison in compared],
        "refused": [asdict(one) for one in measures.refused(run)],
        "expectations": [{**asdict(one), "holds": one.holds} for one in measures.expectations(run)],
    }


def _traces_table(decodes: Sequence[DecodeView]) -> Table:
    rows = []
    measured = [measures.perplexities(decode) for decode in decodes]
    beside = any(scores["score_reference"].n for scores in measured)
    ungraded = any(measures.not_graded(decode) for decode in decodes)
    for decode, scores in zip(decodes, measured, strict=True):
        generated, right = measures.generated_tokens(decode), measures.accuracy(decode)
        kept = measures.kept_tokens(decode) / generated if generated else 0.0
        rows.append(
            (
                decode.name, decode.search, str(right.n), str(right),
                *((_count(measures.not_graded(decode)),) if ungraded else ()), _number(scores["score_final"]),
                _number(scores["score_before_last_step"]), _number(scores["score_mean_over_steps"]),
                *((_number(scores["score_reference"]),) if beside else ()), f"{generated:,}", f"{kept:.0%}",
            )
        )  # fmt: skip
    measure = measure_of(decodes)
    scored = (f"{measure} final", f"{measure} before last", f"{measure} mean", *(("PP reference",) if beside else ()))
    columns = (
        "decode", "search", "n", "accuracy", *(("not graded",) if ungraded else ()), *scored, "tokens", "kept",
    )  # fmt: skip
    note = (
        f"n problems, mean ± standard error. {measure[0].upper()}{measure[1:]}: the guiding scorer's value at the end, "
        "before the last step, and over all steps. Tokens: all that teachers generated for the search; kept: the share "
        "that stands in the traces."
    )
    if beside:
        note += " PP reference: predictive perplexity at the end under the fixed prover beside the guiding one."
    if ungraded:
        note += " Not graded: traces on whose answer the grader failed; they are wrong."
    return Table("Traces", columns, tuple(rows), note)


def measure_of(decodes: Sequence[DecodeView]) -> str:
    """What the scores of these decodes are called together."""
    return "PP" if all(decode.measure == "PP" for decode in decodes) else "score"


def evaluations_table(evals: Sequence[EvalView]) -> Table:
    """Every metric with both errors and its interval."""
    rows = []
    for one in evals:
        for name, metric in measures.shown_metrics(one).items():
            draws = metric.get("draw_error")
            rows.append(
                (one.name, one.model, one.model_kind, one.problems, name, str(measures.of_metric(metric)),
                 measures.interval(metric.get("low"), metric.get("high")), "–" if draws is None else f"{draws:.3f}",
                 f"{metric['n']:g}", f"{metric['samples']:g}")
            )  # fmt: skip
    columns = ("eval", "model", "kind", "problems", "metric", "value", "95 % interval", "over draws", "n", "samples")
    note = "± and interval: over problems, as if others like them were drawn. Over draws: the error of drawing these again."
    return Table("Evaluations", columns, tuple(rows), note)


def answers_table(evals: Sequence[EvalView]) -> Table:
    """What became of the draws."""
    rows = []
    for one in evals:
        if one.answers:
            found = {name: measures.of_metric(one.answers[name]) for name in ("no_answer", "truncated", "tokens")}
            tokens = found["tokens"]
            error = "" if tokens.standard_error is None else f" ± {tokens.standard_error:,.0f}"
            rows.append(
                (one.name, one.checked_by, str(found["no_answer"]), str(found["truncated"]),
                 f"{tokens.value or 0:,.0f}{error}", f"{one.answers['outcomes'].get('failed', 0):,}")
            )  # fmt: skip
    columns = ("eval", "graded by", "no answer", "cut off", "mean tokens", "not graded")
    note = (
        "Shares of draws, tokens a draw, ± over problems. Not graded: draws on which the grader failed; they are wrong."
    )
    return Table("Answers", columns, tuple(rows), note)


def refused_table(refused: Sequence[Refused]) -> Table:
    """Pairs that are not compared."""
    rows = tuple((f"{one.first} − {one.second}", one.reason) for one in refused)
    return Table("Not compared", ("difference", "why"), rows)


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
        (f"{one.first} − {one.second}", signed(one.difference), measures.interval(one.low, one.high),
         str(one.difference.n), f"{one.p:.4f}")
        for one in compared
    )  # fmt: skip
    note = (
        "Difference in share of right answers, paired over problems. Interval: bootstrap over problems, 4,000 draws; "
        "p: two-sided sign-flip test, 10,000 draws."
    )
    return Table("Paired comparisons", ("difference", "value", "95 % interval", "n", "p"), rows, note)


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
    return share_table(share_by_progress(_authors(decode), FIFTHS), FIFTHS, f"Teacher share by progress: {decode.name}")


def _authors(decode: DecodeView) -> list[list[tuple[str, ...]]]:
    """The authors of each step of each trace."""
    return [[step.authors for step in trace.steps] for trace in decode.traces]


def signed(value: Estimate) -> str:
    """A difference with its sign."""
    shown = str(value)
    return shown if shown.startswith("-") or value.value is None else f"+{shown}"


def _count(value: int | None) -> str:
    return "–" if value is None else f"{value:,}"


def _number(value: Estimate) -> str:
    return "–" if value.value is None else f"{value.value:.3f}"
