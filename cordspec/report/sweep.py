"""The report of a sweep: what each variant gave, averaged over its repetitions, and how it differs from the base."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict
from statistics import fmean

from cordspec.artifacts.contamination import Contamination
from cordspec.report import measures
from cordspec.report.comparable import Refused
from cordspec.report.contaminated import contamination_table
from cordspec.report.load import DecodeView, EvalView, VariantView
from cordspec.report.measures import refused_for
from cordspec.report.report import (
    comparison_table,
    expectation_table,
    failures,
    measure_of,
    refused_table,
    report_data,
)
from cordspec.report.statistics import Comparison, Estimate, compare, estimate
from cordspec.report.table import Report, Table

SCHEMA_VERSION = 1
Arm = DecodeView | EvalView


def make_sweep_report(variants: Sequence[VariantView]) -> Report:
    """The report of all finished variants."""
    manifest = variants[0].run.manifest
    groups: dict[str, list[VariantView]] = defaultdict(list)
    for variant in variants:
        groups[variant.entry.group].append(variant)
    compared, refused = _comparisons(groups) if variants[0].is_paired else ([], [])
    limited = f", first {manifest.limit} problems of each set" if manifest.limit else ""
    versions = ", ".join(f"{name} {version}" for name, version in manifest.versions.items())
    lines = [manifest.doc] if manifest.doc else []
    lines.append(f"{len(groups)} variants, {len(variants)} runs{limited}. {versions}.")
    failed: list[str] = []
    tables = [_decode_table(groups, name) for name in _names(variants, lambda one: one.run.decodes)]
    tables += [_eval_table(groups, name) for name in _names(variants, lambda one: one.run.evals)]
    for variant in variants:
        failed += failures(measures.expectations(variant.run), variant.entry.name)
    tables += [
        Table(f"Expectations: {one.entry.name}", table.columns, table.rows, table.note)
        for one in variants
        if (table := expectation_table(measures.expectations(one.run))).rows
    ]
    tables.append(contamination_table(_contaminations(variants)))
    tables += [comparison_table(compared), refused_table(refused)]
    data: dict[str, object] = {
        "schema_version": SCHEMA_VERSION,
        "experiment": manifest.experiment,
        "variants": [
            {**asdict(one.entry), "report": report_data(one.run, measures.comparisons(one.run))} for one in variants
        ],
        "comparisons": [asdict(one) for one in compared],
        "refused": [asdict(one) for one in refused],
    }
    title = f"cordspec report: {manifest.experiment}, a sweep"
    return Report(title, tuple(lines), tuple(table for table in tables if table.rows), data, tuple(failed))


def _contaminations(variants: Sequence[VariantView]) -> dict[str, Contamination]:
    """What was found for each student of each variant, each data set of a student once."""
    found: dict[tuple[str, str], tuple[str, Contamination]] = {}
    for variant in variants:
        for student, one in variant.run.contaminations.items():
            found.setdefault((student, one.data), (f"{variant.entry.name}: {student}", one))
    return dict(found.values())


def _names(variants: Sequence[VariantView], arms: Callable[[VariantView], Sequence[Arm]]) -> list[str]:
    return list(dict.fromkeys(arm.name for variant in variants for arm in arms(variant)))


def _decode_table(groups: dict[str, list[VariantView]], name: str) -> Table:
    rows = []
    shown: list[DecodeView] = []
    for group, members in groups.items():
        decodes = [one for member in members for one in member.run.decodes if one.name == name]
        shown += decodes
        if decodes:
            scores = [
                value for one in decodes if (value := measures.perplexities(one)["score_final"].value) is not None
            ]
            tokens = fmean(measures.generated_tokens(one) for one in decodes)
            right = _averaged(decodes)
            final = f"{fmean(scores):.3f}" if scores else "–"
            rows.append(
                (group, decodes[0].search, str(right.n), str(len(decodes)), str(right), final, f"{tokens:,.0f}")
            )
    columns = ("variant", "search", "n", "runs", "accuracy", f"{measure_of(shown)} final", "tokens a run")
    note = (
        "n problems; each problem's value is its mean over the runs of a variant; mean ± standard error over problems."
    )
    return Table(f"Traces: {name}", columns, tuple(rows), note)


def _eval_table(groups: dict[str, list[VariantView]], name: str) -> Table:
    rows = []
    for group, members in groups.items():
        evals = [one for member in members for one in member.run.evals if one.name == name]
        if evals:
            right = _averaged(evals)
            samples = next(iter(evals[0].metrics.values()))["samples"] if evals[0].metrics else 0
            rows.append((group, evals[0].model, str(right.n), str(len(evals)), f"{samples:g}", str(right)))
    columns = ("variant", "model", "n", "runs", "samples", "share right")
    return Table(f"Evaluation: {name}", columns, tuple(rows), "As above; samples are draws for each problem and run.")


def _averaged(arms: Sequence[Arm]) -> Estimate:
    return estimate(list(_per_problem(arms).values()))


def _per_problem(arms: Sequence[Arm]) -> dict[str, float]:
    """Each problem's share of right answers, averaged over the runs of a variant."""
    values: defaultdict[str, list[float]] = defaultdict(list)
    for arm in arms:
        for problem, value in measures.per_problem(arm).items():
            values[problem].append(value)
    return {problem: fmean(found) for problem, found in values.items()}


def _comparisons(groups: dict[str, list[VariantView]]) -> tuple[list[Comparison], list[Refused]]:
    """Every variant against the first, which is the base where that is one of them; arm by arm, over the same problems.
    Beside them the arms that are not compared.
    """
    first, *others = groups
    found: list[Comparison] = []
    refused: list[Refused] = []
    for name in _names(groups[first], lambda one: (*one.run.decodes, *one.run.evals)):
        base = _arms(groups[first], name)
        for group in others:
            arms = _arms(groups[group], name)
            if arms and arms[0].problems == base[0].problems and _ids(arms) != _ids(base):
                names = f"{name} [{group}]", f"[{first}]"
                reason = next(
                    (why for one, other in zip(arms, base, strict=False) if (why := refused_for(one, other))), ""
                )
                if reason:
                    refused.append(Refused(*names, reason))
                else:
                    found.append(compare(*names, _per_problem(arms), _per_problem(base)))
    return found, refused


def _arms(members: Sequence[VariantView], name: str) -> list[Arm]:
    found: list[Arm] = []
    for member in members:
        found += [decode for decode in member.run.decodes if decode.name == name]
        found += [one for one in member.run.evals if one.name == name]
    return found


def _ids(arms: Sequence[Arm]) -> set[str]:
    """The stages behind the arms: a stage that two variants share differs from nothing."""
    return {arm.stage for arm in arms}
