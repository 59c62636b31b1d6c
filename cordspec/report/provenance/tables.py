"""The statistics of a decode as tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from cordspec.report.provenance.bootstrap import Band
from cordspec.report.provenance.hits import BINS, Cell
from cordspec.report.provenance.ledger import Costs, Ledger, Tokens
from cordspec.report.provenance.lengths import Lengths, Summary
from cordspec.report.provenance.scoring import Share
from cordspec.report.provenance.stats import Stats
from cordspec.report.table import Report, Table

NONE: Final = "–"


def stats_report(stats: Stats) -> Report:
    """All tables of a decode; empty ones are left out."""
    tables = (
        costs_table(stats.ledger),
        tokens_table(stats.ledger),
        share_table(stats.shares, BINS, "Teacher hit rate"),
        _rates_table(stats),
        tag_table(stats.tags, "Teacher hit rate by kind of step"),
        _lengths_table(stats.lengths),
        _integration_table(stats),
        _compliance_table(stats),
        _scoring_table(stats),
        _answers_table(stats),
    )
    line = f"{stats.problems} problems. Bands: 95 % percentiles of 10,000 bootstrap draws over problems."
    return Report(
        f"cordspec stats: {stats.decode}", (line,), tuple(table for table in tables if table.rows), stats.to_data()
    )


def costs_table(ledger: Ledger) -> Table:
    """What calls cost."""

    def row(role: str, model: str, costs: Costs) -> tuple[str, ...]:
        numbers = (costs.calls, costs.prompt, costs.prefilled, costs.reprefilled, costs.generated, costs.scored)
        return (role, model, *(f"{number:,}" for number in numbers), f"{costs.seconds:.1f}")

    rows = [row(role, model, costs) for (role, model), costs in ledger.costs.items()]
    rows += [row(role, "all", costs) for role, costs in ledger.by_role().items()]
    columns = ("role", "model", "calls", "prompt", "prefilled", "again ≥", "generated", "scored", "seconds")
    note = (
        "Tokens in each model's own. Prefilled: prompt tokens that were computed, the others' states were held; again: at "
        "least so many of them had been computed before for the same problem. Seconds are the engine's busy time."
    )
    return Table("Calls", columns, tuple(rows), note)


def tokens_table(ledger: Ledger) -> Table:
    """What became of generated tokens."""

    def row(author: str, tokens: Tokens) -> tuple[str, ...]:
        wasted = (tokens.invalid, tokens.cut, tokens.copies)
        shares = (tokens.kept, tokens.discarded, tokens.wasted)
        return (
            author, f"{tokens.generated:,}",
            *(f"{one:,} ({_percent(one, tokens.generated)})" for one in shares),
            *(f"{one:,}" for one in (*wasted, tokens.answers)),
        )  # fmt: skip

    rows = [row(author, tokens) for author, tokens in ledger.tokens.items()]
    rows += [row("all", ledger.all_tokens)] if rows else []
    columns = ("author", "generated", "kept", "discarded", "wasted", "invalid", "cut", "copies", "answers")
    note = (
        "Generated = kept + discarded + wasted. Kept: steps that stand in the traces; discarded: other steps of valid "
        "candidates; wasted: invalid proposals, text cut off after the step, copies of another's step. Answers are apart."
    )
    return Table("Tokens", columns, tuple(rows), note)


def share_table(bands: Mapping[Cell, Band], bins: int, title: str) -> Table:
    """Teacher hit rate over progress: one row a bin, with the number of steps in it."""
    note = (
        "Share of the steps that stand, by the progress of the trace at which they begin, with 95 % bootstrap bands over "
        "problems; authors of the same step share it."
    )
    teachers = sorted({teacher for teacher, _ in bands})
    rows = tuple(
        (_range(at, bins), f"{bands[teachers[0], at].n:g}", *(str(bands[teacher, at]) for teacher in teachers))
        for at in (None, *range(bins))
        if teachers and (teachers[0], at) in bands
    )
    return Table(title, ("progress", "steps", *teachers), rows, note)


def _rates_table(stats: Stats) -> Table:
    teachers = sorted({teacher for teacher, _ in stats.rates})
    rows = tuple(
        (_range(at, BINS), *(_of(stats.rates.get((teacher, at))) for teacher in teachers))
        for at in (None, *range(BINS))
        if any((teacher, at) in stats.rates for teacher in teachers)
    )
    note = (
        "Of the steps that a teacher proposed at that progress, the share that stands: a teacher is not credited for "
        "proposing more often. Progress is depth over the steps of the problem's trace."
    )
    return Table("Teacher hit rate per proposal", ("progress", *teachers), rows, note)


def _of(band: Band | None) -> str:
    return NONE if band is None else f"{band} of {band.n:g}"


def _range(at: int | None, bins: int) -> str:
    return "all" if at is None else f"{at * 100 // bins}–{(at + 1) * 100 // bins} %"


def tag_table(bands: Mapping[tuple[str, str], Band], title: str) -> Table:
    """Teacher hit rate by kind of step, with the number of steps of that kind."""
    tags = list(dict.fromkeys(tag for tag, _ in bands))
    teachers = list(dict.fromkeys(teacher for _, teacher in bands))
    rows = tuple((tag, f"{bands[tag, teachers[0]].n:g}", *(str(bands[tag, name]) for name in teachers)) for tag in tags)
    return Table(title, ("step", "n", *teachers), rows)


def _integration_table(stats: Stats) -> Table:
    rows = ((str(stats.compression), str(stats.compression.n)),) if stats.compression.n else ()
    note = "Length of a merged trace over the mean of its sources, in words and signs; mean ± standard error over problems."
    return Table("Integration", ("compression ratio", "n"), rows, note)


def _lengths_table(lengths: Lengths) -> Table:
    rows = [
        (teacher, what, *_summary(summary))
        for what, by_teacher in (("proposed steps", lengths.proposed), ("kept steps", lengths.kept))
        for teacher, summary in by_teacher.items()
    ]
    rows.append(("all", "depth of traces", *_summary(lengths.depth)))
    columns = ("teacher", "what", "n", "mean", "CV", "min", "10 %", "median", "90 %", "max")
    note = "Steps in tokens of their first author, depth in steps. CV: standard deviation over mean."
    return Table("Lengths", columns, tuple(rows), note)


def _compliance_table(stats: Stats) -> Table:
    names = sorted({name for one in stats.compliance.values() for name in one.violations})
    rows = tuple(
        (teacher, str(one.asked), str(one.absent), _percent(one.clean, one.answered),
         *(_percent(one.violations.get(name, 0), one.answered) for name in names))
        for teacher, one in stats.compliance.items()
    )  # fmt: skip
    note = "Shares of the answers to which something happened; an answer may count in several columns."
    return Table("Compliance", ("teacher", "asked", "absent", "clean", *names), rows, note)


def _scoring_table(stats: Stats) -> Table:
    return Table("Scores", ("what", "value"), tuple(_scoring_rows(stats)))


def _scoring_rows(stats: Stats) -> Iterator[tuple[str, str]]:
    scoring = stats.scoring
    yield "scored candidates", f"{scoring.values.n:,}"
    for what, summary in (("score", scoring.values), ("margin of a wave", scoring.margins)):
        if summary.n:
            low, _, median, _, high = summary.quantiles
            yield f"{what}: mean; min, median, max", f"{summary.mean:.4f}; {low:.4f}, {median:.4f}, {high:.4f}"
    yield "margins within 0.001 nats a token", str(scoring.noise)
    yield "scores above .99", str(scoring.high)
    yield "scores below .01", str(scoring.low)
    if scoring.first_token is not None:
        yield (
            "log-probability of the answer's first, last token",
            f"{scoring.first_token:.3f}, {scoring.last_token:.3f} nats",
        )
    yield "candidates that several proposals made", str(scoring.merged)
    yield "of these by different teachers", str(scoring.across)
    for rule, count in scoring.ties.items():
        yield f"ties decided by {rule}", str(count)


def _answers_table(stats: Stats) -> Table:
    none = Share(0, 0)
    rows = tuple(
        (
            author,
            str(share),
            str(stats.scoring.answer_early.get(author, none)),
            str(stats.scoring.answer_in_chosen.get(author, none)),
        )
        for author, share in stats.scoring.answer_in_step.items()
    )
    note = (
        "Candidates whose new text states the reference answer, which lifts their score (predictive perplexity). Early: of "
        "those that end before half of the trace; a high share there is a teacher that knows answers, or guesses them."
    )
    return Table("Answer in step", ("author", "candidates", "early ones", "those that stand"), rows, note)


def _summary(summary: Summary) -> tuple[str, ...]:
    if not summary.n or summary.mean is None:
        return ("0", *[NONE] * 7)
    cv = NONE if summary.cv is None else f"{summary.cv:.2f}"
    return (f"{summary.n:,}", f"{summary.mean:.1f}", cv, *(f"{value:g}" for value in summary.quantiles))


def _percent(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else NONE
