"""A spec beside a run directory, as text."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from cordspec.cli.columns import aligned, shown_hours
from cordspec.diagnostics.render import visible
from cordspec.plan.estimate import StageCost
from cordspec.run.changes import Comparison, changes_of
from cordspec.run.planning import VariantPlan, total_hours


def comparison_lines(comparison: Comparison, out: Path) -> list[str]:
    """Stage by stage what is reused and what is made again and why; what that costs; what is set aside."""
    lines = [f"{comparison.plan.experiment} in {out}"]
    several = len(comparison.plan.variants) > 1
    seen: set[str] = set()
    for variant in comparison.plan.variants:
        lines += ["", variant.name] if several else [""]
        lines += _stages(variant, seen)
    lines += _costs(comparison)
    if comparison.left:
        lines += ["", f"not used any more, and kept in {out}:"]
        lines += aligned([("", "begun:" if one.begun else "", one.entry.id, one.why) for one in comparison.left], ())
    if comparison.plan.unknown:
        lines.append(f"not looked at, because not here: {', '.join(comparison.plan.unknown)}")
    return [visible(line) for line in lines]


def _stages(variant: VariantPlan, seen: set[str]) -> list[str]:
    """A stage that an earlier variant has too is not told twice."""
    why = changes_of(variant)
    rows: list[tuple[str, ...]] = []
    for standing in variant.standings:
        stage = standing.stage
        state = why.get(stage.block, "reused") if stage.id not in seen else "as above"
        rows.append((f"  {stage.kind} {stage.block}", state))
        seen.add(stage.id)
    return aligned(rows, ())


def _costs(comparison: Comparison) -> Iterator[str]:
    costs = to_make(comparison)
    if not costs:
        return
    efforts = [one for cost in costs for one in cost.efforts if cost.stage.kind != "train"]
    calls, generated, scored = (sum(getattr(one, name) for one in efforts) for name in ("calls", "generated", "scored"))
    hours = shown_hours(total_hours(costs))
    yield ""
    numbers = f"{calls:,.0f} calls, {generated:,.0f} tokens generated, {scored:,.0f} scored"
    yield f"to make, by the plan's assumptions at most: {numbers}" + (f", {hours} hours" if hours else "")
    yield "what the journal knows is not asked again"


def to_make(comparison: Comparison) -> list[StageCost]:
    """The costs of what is to be made, each stage once."""
    costs = {}
    for variant in comparison.plan.variants:
        for cost, standing in zip(variant.costs, variant.standings, strict=True):
            if not standing.made:
                costs[cost.stage.id] = cost
    return list(costs.values())
