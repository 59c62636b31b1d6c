"""What a replay says, as a table and as data: how far it went, and what would have come out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from cordspec.artifacts.replays import Replay
from cordspec.report.report import signed
from cordspec.report.statistics import compare, estimate
from cordspec.report.table import Report, Table

SCHEMA_VERSION = 1


def make_replay_report(replays: Sequence[Replay]) -> Report:
    """The report of a replay."""
    rows = tuple(_row(one) for one in replays)
    columns = (
        "decode",
        "problems",
        "complete",
        "unanswered",
        "stopped",
        "same trace",
        "accuracy",
        "before",
        "difference",
    )
    note = (
        "Accuracy over the complete problems, before: the run's own over the same; the difference is paired, mean ±"
        " standard error. Unanswered: a trace came out whose final answer nobody wrote. Stopped: a proposal is needed that"
        " nobody made."
    )
    settings = replays[0].settings if replays else ()
    lines = [f"Settings: {', '.join(settings) or 'those of the run'}. Teachers wrote nothing new."]
    lines += [_said(one) for one in replays]
    return Report(
        "cordspec replay", tuple(lines), (Table("Decided again", columns, rows, note),),
        {"schema_version": SCHEMA_VERSION, "settings": list(settings), "decodes": [_data(one) for one in replays]},
    )  # fmt: skip


def _row(replay: Replay) -> tuple[str, ...]:
    reached = Counter(one.reach for one in replay.problems)
    after, before = _accuracies(replay)
    compared = compare("after", "before", after, before)
    numbers = (len(replay.problems), reached["complete"], reached["unanswered"], reached["stopped"])
    same = sum(one.same for one in replay.problems)
    return (
        replay.decode, *map(str, numbers), str(same), str(estimate(list(after.values()))),
        str(estimate(list(before.values()))), signed(compared.difference),
    )  # fmt: skip


def _said(replay: Replay) -> str:
    judged = f", for which judges wrote {replay.generated:,} tokens" if replay.generated else ""
    text = f"`{replay.decode}`: {replay.scored:,} scores were not stored and were computed{judged}."
    if failed := _not_graded(replay):
        text += f" {failed} of its traces could not be graded; they count as wrong."
    stops = Counter(one.waves + 1 for one in replay.problems if one.reach == "stopped")
    if stops:
        waves = ", ".join(f"{wave} ({count})" for wave, count in sorted(stops.items()))
        text += f" The first wave that needs new proposals, with the number of problems: {waves}."
    return text


def _accuracies(replay: Replay) -> tuple[dict[str, float], dict[str, float]]:
    done = [(one.trace, one.before) for one in replay.problems if one.trace is not None]
    return (
        {after.problem: float(after.correct) for after, _ in done},
        {before.problem: float(before.correct) for _, before in done},
    )


def _not_graded(replay: Replay) -> int:
    return sum(one.trace.outcome == "failed" for one in replay.problems if one.trace is not None)


def _data(replay: Replay) -> dict[str, object]:
    after, before = _accuracies(replay)
    return {
        "decode": replay.decode,
        "scored": replay.scored,
        "generated": replay.generated,
        "accuracy": after,
        "accuracy_before": before,
        "not_graded": _not_graded(replay),
        "problems": [
            {"problem": one.before.problem, "reach": one.reach, "waves": one.waves, "same": one.same}
            for one in replay.problems
        ],
    }
