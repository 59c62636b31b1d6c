"""Simulated decodes in a plan, as text: hours beside those of arithmetic, and how busy each engine is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cordspec.cli.columns import aligned, shown_hours

if TYPE_CHECKING:
    from cordspec.run.planning import Plan
    from cordspec.run.simulating.forecast import Forecast


def forecast_lines(found: Sequence[Forecast], plan: Plan) -> list[str]:
    """Tables of what was simulated, and what they leave out; nothing where nothing was."""
    if not found:
        return []
    lines = [
        "",
        "SIMULATED: real driver and search, made-up texts and scores, engines in virtual time; nothing is measured",
    ]
    played = [one for one in found if not one.why]
    if played:
        lines += ["", *_decodes(played, plan), "", *_engines(played), ""]
        lines += [
            "  steps vary in length (coefficient of variation 0.5); scores are drawn; engines hold and reuse prefixes",
            "  problems begin one by one, as many as fit, and hours are those of the steady state, without warm-up and tail;",
            "  of the engine: busy is a batch that writes nine tenths of what a full one does, or a full memory",
        ]
    return lines + [f"  {one.decode}: not simulated: {one.why}" for one in found if one.why]


def _decodes(found: Sequence[Forecast], plan: Plan) -> list[str]:
    arithmetic = {cost.stage.block: cost.hours for cost in plan.variants[0].costs}
    rows: list[tuple[str, ...]] = [
        ("decode", "simulated", "in flight", "problems/h", "minutes each", "hours", "by arithmetic")
    ]
    rows += [
        (
            one.decode, str(one.problems), str(one.in_flight), f"{one.hourly:.0f}", f"{one.seconds / 60:.1f}",
            shown_hours(one.hours), shown_hours(arithmetic[one.decode]),
        )
        for one in found
    ]  # fmt: skip
    return aligned(rows, right=(1, 2, 3, 4, 5, 6))


def _engines(found: Sequence[Forecast]) -> list[str]:
    rows: list[tuple[str, ...]] = [
        ("decode", "engine", "busy", "computing", "sequences", "memory held", "mean wait, s")
    ]
    for one in found:
        for use in one.engines:
            shares = use.shares
            percents = (f"{100 * share:.0f} %" for share in (shares.busy, shares.working))
            rows.append((
                one.decode, f"{use.model} #{use.replica + 1}", *percents, f"{shares.batch:.0f}",
                f"{100 * shares.held:.0f} %", f"{use.mean_wait:.1f}",
            ))  # fmt: skip
    return aligned(rows, right=(2, 3, 4, 5, 6))
