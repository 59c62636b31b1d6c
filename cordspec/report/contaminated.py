"""What of the training data stands in the sets that students are measured on, as a table."""

from __future__ import annotations

from collections.abc import Mapping

from cordspec.artifacts.contamination import Contamination
from cordspec.domain.overlap import MEASURES
from cordspec.report.load import RunView
from cordspec.report.table import Report, Table

TITLE = "Training data that stands in evaluation sets"
_NOTE = (
    "Rows of the training data in which a question of the set stands: in the prompt, in the trace, and by measure, "
    + ", ".join(
        f"{one.name} (at least {one.share:.0%} of the question's runs of {one.words} words)" for one in MEASURES
    )
    + ". Short: questions of fewer than 8 words, found only where a prompt is the same. Problems made from templates share "
    "their wording, and are found for that by the masked measure."
)


def contamination_table(found: Mapping[str, Contamination], left_out: Mapping[str, list[str]] | None = None) -> Table:
    """A row for each student and set; ``left_out`` names the sets that a student is measured on and was not compared with."""
    rows = []
    for student, one in found.items():
        for compared in one.sets:
            by_measure = compared.by_measure()
            done = {"report": "reported", "drop": "left out"}[one.action]
            rows.append(
                (
                    student, one.data, compared.name, f"{one.rows:,}", f"{compared.rows():,}",
                    f"{compared.rows('prompt'):,}", f"{compared.rows('trace'):,}" if one.traces else "–",
                    *(f"{by_measure.get(measure.name, 0):,}" for measure in MEASURES),
                    f"{len(compared.short):,} of {compared.questions:,}", done if compared.hits else "–",
                )
            )  # fmt: skip
    for student, names in (left_out or {}).items():
        rows += [(student, "", name, *[""] * (5 + len(MEASURES)), "not compared") for name in names]
    columns = (
        "student", "data", "set", "rows", "found", "prompt", "trace", *(one.name for one in MEASURES), "short", "done",
    )  # fmt: skip
    return Table(TITLE, columns, tuple(rows), _NOTE)


def not_compared(run: RunView) -> dict[str, list[str]]:
    """The sets that a student is measured on now and that were not there when it was trained."""
    found: dict[str, list[str]] = {}
    for one in run.evals:
        known = run.contaminations.get(one.model)
        if known is not None and one.problems not in {compared.name for compared in known.sets}:
            found.setdefault(one.model, []).append(one.problems)
    return {student: sorted(set(names)) for student, names in found.items()}


def contamination_report(experiment: str, found: Mapping[str, Contamination]) -> Report:
    """What `cordspec decontaminate` prints: the table, then the rows."""
    rows = tuple(
        (student, compared.name, str(hit.row), hit.part, str(hit.question), str(hit.questions),
         ", ".join(f"{name} {share:.2f}" for name, share in hit.shares.items()))
        for student, one in found.items() for compared in one.sets for hit in compared.hits
    )  # fmt: skip
    columns = ("student", "set", "row", "part", "question", "questions", "overlap")
    note = "Rows and questions count from 1; the question is the one that stands there the most."
    lines = [] if any(one.sets for one in found.values()) else ["No student is measured on any problems."]
    lines += [
        f"{student}: the traces of `{one.data}` are not made yet, or hold none; only prompts were compared."
        for student, one in found.items()
        if not one.traces
    ]
    tables = (contamination_table(found), Table("Rows", columns, rows, note))
    data: dict[str, object] = {
        "experiment": experiment, "students": {name: one.as_dict() for name, one in found.items()}
    }  # fmt: skip
    return Report(f"cordspec decontaminate: {experiment}", tuple(lines), tuple(t for t in tables if t.rows), data)
