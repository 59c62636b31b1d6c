"""What two graders say of the same predictions, and where they do not agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Final

from cordspec.artifacts.regrades import Disagreement, Regrade
from cordspec.domain.verdict import Verdict
from cordspec.report.table import Report, Table

SCHEMA_VERSION = 1
SHOWN: Final = 60
"""Characters of an answer in a table; the JSON form has all of it."""


def make_regrade_report(regrades: Sequence[Regrade]) -> Report:
    """The counts of every evaluation, then its list of disagreements."""
    counts = tuple(
        (one.eval, name, str(one.draws), f"{right:,}", f"{right / one.draws:.3f}" if one.draws else "–", str(failed),
         f"{len(one.disagreements):,}")
        for one in regrades
        for name, right, failed in (
            (one.first, one.right_first, one.failed_first), (one.second, one.right_second, one.failed_second),
        )
    )  # fmt: skip
    columns = ("eval", "grader", "draws", "right", "share", "not graded", "disagreements")
    note = "The same stored predictions; no model was asked. A disagreement is a draw that only one of the two finds right."
    tables = [Table("Graders", columns, counts, note), *(_listed(one) for one in regrades if one.disagreements)]
    data: dict[str, object] = {"schema_version": SCHEMA_VERSION, "evaluations": [asdict(one) for one in regrades]}
    return Report("cordspec regrade", (), tuple(tables), data)


def _listed(one: Regrade) -> Table:
    rows = tuple(_row(each) for each in one.disagreements)
    columns = ("problem", "draw", "reference", "written", one.first, one.second)
    return Table(f"Disagreements: {one.eval}", columns, rows)


def _row(one: Disagreement) -> tuple[str, ...]:
    return (
        one.problem,
        str(one.sample),
        _short(one.reference),
        _short(one.written),
        _said(one.first),
        _said(one.second),
    )


def _said(verdict: Verdict) -> str:
    return f"{verdict.outcome}: {verdict.reason}" if verdict.reason else verdict.outcome


def _short(text: str) -> str:
    """The end of a text, where the answer stands."""
    plain = " ".join(text.split())
    return plain if len(plain) <= SHOWN else f"… {plain[-SHOWN:]}"
