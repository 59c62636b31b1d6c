"""Two evaluations of one run or of two, paired over problems."""

from __future__ import annotations

from dataclasses import asdict

from cordspec.diagnostics import Diagnostic
from cordspec.errors import UsageError
from cordspec.report.comparable import refusal
from cordspec.report.load import EvalView
from cordspec.report.measures import per_problem
from cordspec.report.report import answers_table, comparison_table, evaluations_table
from cordspec.report.statistics import compare
from cordspec.report.table import Report


def make_comparison(one: EvalView, other: EvalView, names: tuple[str, str]) -> Report:
    """The report of a comparison.

    Raises:
        UsageError: they were not asked alike.
    """
    reason = refusal(one, other)
    if reason:
        help = "compare evaluations that differ in the model only"
        raise UsageError(Diagnostic("E812", f"{names[0]} and {names[1]} cannot be compared: {reason}", help=help))
    found = compare(*names, per_problem(one), per_problem(other))
    lines = []
    templates = [arm.asked["templates"] for arm in (one, other) if arm.asked]
    if templates[0] != templates[1]:
        lines.append("The models' own templates differ; what is asked inside of them is the same.")
    tables = (comparison_table([found]), evaluations_table([one, other]), answers_table([one, other]))
    return Report("cordspec compare", tuple(lines), tables, {"schema_version": 1, "comparison": asdict(found)})
