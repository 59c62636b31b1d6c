"""What tasks of lm-evaluation-harness found, as a table and as data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

from cordspec.artifacts.harnessed import Harnessed
from cordspec.report.table import Report, Table


def make_harness_report(made: Harnessed) -> Report:
    """A row for each metric of each task; values and errors are lm-eval's."""
    columns = ("task", "version", "n-shot", "filter", "metric", "value", "stderr", "n")
    note = "Values and standard errors are lm-eval's own. n: documents that were asked."
    asked = "in the model's own template" if made.chat else "as plain texts"
    spent = made.ledger.get("evaluated", {"calls": 0, "remembered": 0})
    line = f"`{made.model}`, lm-eval {made.found['version']}, contexts {asked}."
    costs = f"{spent['calls']:,} answers, {spent['remembered']:,} of them from the journal. Written to `{made.file}`."
    table = Table("Tasks", columns, tuple(_rows(made)), note)
    return Report("cordspec lm-eval", (line, costs), (table,), asdict(made))


def _rows(made: Harnessed) -> Iterator[tuple[str, ...]]:
    found = made.found
    for task, results in found["results"].items():
        for name, value in results.items():
            metric, comma, filtered = name.partition(",")
            if not comma or metric.endswith("_stderr") or not isinstance(value, (int, float)):
                continue
            error = results.get(f"{metric}_stderr,{filtered}")
            yield (
                task, str(found["versions"].get(task, "")), str(found["n-shot"].get(task, 0)), filtered, metric,
                f"{value:.4f}", f"{error:.4f}" if isinstance(error, (int, float)) else "–",
                str(found["n-samples"].get(task, {}).get("effective", "")),
            )  # fmt: skip
