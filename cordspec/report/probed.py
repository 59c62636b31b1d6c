"""What a probe found, as tables and as data."""

from __future__ import annotations

from collections.abc import Sequence

from cordspec.artifacts.probes import Measure, Probe, TeacherHabits, Winner
from cordspec.report.table import Report, Table

INTERVAL = "Intervals: {level:.0%}, over problems; n (problems)."


def make_probe_report(probe: Probe) -> Report:
    """The report of a probe."""
    note = INTERVAL.format(level=probe.settings["level"])
    tables = (
        _depths(probe, note),
        _scores(probe, note),
        _habits(probe.teachers, note),
        _violations(probe.teachers, note),
        _winner(probe.winner),
        _costs(probe),
    )
    return Report(
        f"cordspec probe: {probe.experiment}, decode {probe.decode}", _lines(probe),
        tuple(table for table in tables if table.rows), probe.as_dict(),
    )  # fmt: skip


def _lines(probe: Probe) -> tuple[str, ...]:
    settings = probe.settings
    seen, every = probe.saturation.above.problems, probe.costs.problems
    looked = (
        f"Looked at {seen:,} of {every:,} problems: {settings['samples']:.0f} steps of each teacher for a prefix,"
        f" {settings['rollouts']:.0f} rollouts for a label; seed {probe.seed}."
    )
    whole = sum(one.value or 0.0 for one in (probe.costs.generated, probe.costs.scored))
    share = f", {probe.spent / whole:.1%} of what the decode is predicted to take" if whole else ""
    return looked, f"The probe itself took {probe.spent:,} tokens{share}.", said(probe.winner)


def said(winner: Winner) -> str:
    """The prediction in a sentence."""
    if winner.probability is None:
        return f"Who wins at equal tokens is {winner.verdict}: {winner.note}."
    sure = f"P(step-wise better) = {winner.probability:.2f}"
    if winner.verdict == "undecided":
        return f"Step-wise search against curation at equal tokens: undecided, {sure}."
    return f"Step-wise search does {winner.verdict} than curation at equal tokens, {sure}."


def _depths(probe: Probe, note: str) -> Table:
    rows = tuple(
        (str(one.depth), *_cells(one.siblings), *_cells(one.level), *_cells(one.spread)[:2]) for one in probe.depths
    )
    columns = ("step", "siblings", "interval", "n", "same depth", "interval", "n", "spread", "interval")
    explained = (
        " Share of pairs of a right and a wrong step that the score ranks rightly, ties half; labels of a pair differ by at"
        f" least {probe.settings['gap']:g}. Siblings: after the same prefix; same depth: of the right and of the best scored"
        " wrong prefix. Spread: standard deviation of siblings' scores."
    )
    return Table("Sharpness by depth", columns, rows, note + explained)


def _scores(probe: Probe, note: str) -> Table:
    found = probe.saturation
    rows = (
        ("step scores above 0.99", *_cells(found.above)),
        ("step scores below 0.01", *_cells(found.below)),
        ("whole traces told apart", *_cells(found.traces)),
    )
    return Table(
        "Scores", ("", "share", "interval", "n"), rows, note + " Told apart: pairs of a right and a wrong trace."
    )


def _habits(teachers: Sequence[TeacherHabits], note: str) -> Table:
    rows = []
    for one in teachers:
        low, middle, high = one.quantiles or (None, None, None)
        quantiles = "–" if one.quantiles is None else f"{low:.0f} / {middle:.0f} / {high:.0f}"
        cv = "–" if one.cv is None else f"{one.cv:.2f}"
        length = one.length
        rows.append(
            (one.teacher, *_cells(one.right), _number(length.value, 1), _interval(length, 1), cv, quantiles, _n(length))
        )
    columns = ("teacher", "traces right", "interval", "n", "step tokens", "interval", "CV", "5 / 50 / 95 %", "n")
    return Table("Teachers", columns, tuple(rows), note)


def _violations(teachers: Sequence[TeacherHabits], note: str) -> Table:
    rows = tuple(
        (one.teacher, kind, *_cells(measure)) for one in teachers for kind, measure in sorted(one.violations.items())
    )
    return Table("Violations of the step format", ("teacher", "kind", "share", "interval", "n"), rows, note)


def _winner(winner: Winner) -> Table:
    if winner.difference.value is None:
        return Table("Predicted at equal tokens", (), ())
    rows = (
        ("step-wise search", *_cells(winner.stepwise)),
        ("curation", *_cells(winner.curation)),
        ("difference", f"{winner.difference.value:+.3f}", _interval(winner.difference), _n(winner.difference)),
    )
    return Table("Predicted at equal tokens", ("", "right answers", "interval", "n"), rows, "Both searches are played on what"
                 " was seen, many times for each problem.")  # fmt: skip


def _costs(probe: Probe) -> Table:
    found = probe.costs
    rows = tuple(
        (name, _number(one.value, digits), _interval(one, digits), str(one.problems))
        for name, one, digits in (
            ("tokens generated", found.generated, 0), ("tokens scored", found.scored, 0), ("hours", found.hours, 4),
        )
        if one.value is not None
    )  # fmt: skip
    title = f"Predicted for all {found.problems:,} problems"
    return Table(title, ("", "value", "interval", "from problems"), rows, f"Hours: {found.source}.")


def _cells(measure: Measure) -> tuple[str, str, str]:
    return _number(measure.value), _interval(measure), _n(measure)


def _number(value: float | None, digits: int = 3) -> str:
    return "–" if value is None else f"{value:,.{digits}f}"


def _interval(measure: Measure, digits: int = 3) -> str:
    if measure.low is None or measure.high is None:
        return "–"
    return f"{measure.low:,.{digits}f} to {measure.high:,.{digits}f}"


def _n(measure: Measure) -> str:
    return f"{measure.n:,} ({measure.problems})"
