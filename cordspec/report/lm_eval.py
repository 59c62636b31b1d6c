"""Evaluations in the shape of the table that lm-evaluation-harness prints, which people paste beside each other."""

from __future__ import annotations

from cordspec.report.load import EvalView, RunView
from cordspec.report.measures import shown_metrics

_HEAD = ("Tasks", "Version", "Filter", "n-shot", "Metric", "", "Value", "", "Stderr")
_RIGHT = frozenset((1, 3, 6, 8))
_HIGHER = "↑"


def lm_eval_table(run: RunView) -> str:
    """One row a metric; the error is over problems. ``n-shot`` is 0: questions are asked without examples."""
    rows = [row for one in run.evals for row in _rows(one)]
    widths = [max(len(row[at]) for row in (_HEAD, *rows)) for at in range(len(_HEAD))]
    rule = "|".join("-" * (width - 1) + ":" if at in _RIGHT else "-" * width for at, width in enumerate(widths))
    body = ("|".join(_cell(row[at], width, at) for at, width in enumerate(widths)) for row in rows)
    head = "|".join(text.ljust(width) for text, width in zip(_HEAD, widths, strict=True))
    return "".join(f"|{line}|\n" for line in (head, rule, *body))


def _rows(one: EvalView) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    for at, (name, metric) in enumerate(shown_metrics(one).items()):
        error = metric["standard_error"]
        shown = "N/A" if error is None else f"{error:.4f}"
        task = (one.name, "1") if at == 0 else ("", "")
        found.append(
            (*task, one.checked_by.split(" ")[0] or "none", "0", name, _HIGHER, f"{metric['value']:.4f}", "±", shown)
        )
    return found


def _cell(text: str, width: int, at: int) -> str:
    return text.rjust(width) if at in _RIGHT else text.ljust(width)
