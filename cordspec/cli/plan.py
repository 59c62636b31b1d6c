"""`cordspec plan SPEC`: stages, what is made already and why not, calls, tokens by role, resident states, hours.

Everything is arithmetic on the spec and on assumptions that are printed; no model is opened. With `--simulate` decodes are
also played with simulated engines.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, fields, replace
from pathlib import Path

from cordspec import api
from cordspec.cli.columns import aligned, counted, shown_hours
from cordspec.cli.forecasting import forecast_lines
from cordspec.diagnostics import Diagnostic
from cordspec.diagnostics.render import visible
from cordspec.domain.memory import USABLE, TrainingMemory
from cordspec.errors import SpecError, UsageError
from cordspec.plan.assumptions import Assumptions
from cordspec.plan.estimate import StageCost
from cordspec.run.planning import Plan, VariantPlan, total_hours

GIB = 2**30


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("spec", type=Path, metavar="SPEC", help="the .cord file")
    parser.add_argument("--set", action="append", default=[], metavar="PATH=VALUE", help="change one setting")
    parser.add_argument("--out", type=Path, metavar="DIR", help="the run directory (default: runs/EXPERIMENT)")
    parser.add_argument("--limit", type=int, metavar="N", help="only the first N problems of each set")
    names = ", ".join(field.name for field in fields(Assumptions))
    parser.add_argument("--assume", action="append", default=[], metavar="NAME=N", help=f"one of {names}")
    parser.add_argument(
        "--simulate", action="store_true", help="also simulate decodes on their cluster, for up to a minute each"
    )
    parser.add_argument("--format", choices=("text", "json"), default="text", help="tables, or every number as JSON")


def command(options: argparse.Namespace) -> int:
    """Print the plan."""
    variants, diagnostics = api.variants(api.read(options.spec), options.set)
    if not variants:
        raise SpecError(*diagnostics)
    out = options.out or Path("runs") / variants[0].experiment.name
    plan = api.estimate(variants, out, _assumptions(options.assume), options.limit)
    found = api.forecasts(plan, variants) if options.simulate else []
    if options.format == "json":
        simulated = {"simulated": [asdict(one) for one in found]} if options.simulate else {}
        print(json.dumps(_as_json(plan) | simulated, indent=2))
    else:
        print("\n".join([_text(plan), *(visible(line) for line in forecast_lines(found, plan))]))
    if diagnostics and options.format == "text":
        told = counted(len(diagnostics), "warning")
        print(f"{told}; `cordspec validate {options.spec}` shows them", file=sys.stderr)
    return 0


def _assumptions(given: list[str]) -> Assumptions:
    assumed = Assumptions()
    names = [field.name for field in fields(Assumptions)]
    for one in given:
        name, _, value = one.partition("=")
        if name not in names or not value.isdigit() or int(value) < 1:
            message = f"`--assume {one}`: give one of {', '.join(names)}, and a whole number from 1"
            raise UsageError(Diagnostic("E118", message, help="such as --assume steps=40"))
        assumed = replace(assumed, **{name: int(value)})
    return assumed


def _text(plan: Plan) -> str:
    first = plan.variants[0]
    lines = [f"{plan.experiment}: {len(first.graph.stages)} stages", "", *_stage_table(first), "", *_token_table(first)]
    for cost in first.costs:
        if cost.assumed is not None:
            lines.append(f"  {cost.stage.block}: {cost.assumed.steps} steps of {cost.assumed.step_tokens} tokens")
        if cost.note:
            lines.append(f"  {cost.stage.block}: {cost.note}")
        if cost.memory is not None:
            lines += _memory_lines(cost.stage.block, cost.memory)
    if len(plan.variants) > 1:
        lines += ["", *_sweep_table(plan)]
    assumed = ", ".join(f"{name} {value:,}" for name, value in asdict(plan.assumed).items())
    lines += ["", f"assumed: {assumed}, at most what the spec allows (--assume NAME=N)"]
    if any(cost.hours for cost in first.costs):
        gpu = plan.gpu
        lines.append(
            f"hours: arithmetic for {gpu.name} ({gpu.flops / 1e12:.0f} TFLOP/s, {gpu.bandwidth / 1e12:.2f} TB/s) with engines"
            " kept full; estimated, not measured"
        )
    if plan.unknown:
        lines.append(f"not looked at, because not here: {', '.join(plan.unknown)}")
    return "\n".join(visible(line) for line in lines)


def _stage_table(variant: VariantPlan) -> list[str]:
    rows: list[tuple[str, ...]] = [("stage", "of", "state", "hours")]
    for cost, standing in zip(variant.costs, variant.standings, strict=True):
        state = "made" if standing.made else standing.why
        items = "?" if cost.items is None else f"{cost.items:,}"
        rows.append((f"{cost.stage.kind} {cost.stage.block}", items, state, shown_hours(cost.hours)))
    whole = total_hours(variant.costs)
    rows.append(("all", "", "", shown_hours(whole)))
    return aligned(rows, right=(1, 3))


def _token_table(variant: VariantPlan) -> list[str]:
    rows: list[tuple[str, ...]] = [
        ("stage", "model", "role", "calls", "generated", "scored", "prompt", "with reuse", "KV a problem")
    ]
    for cost in variant.costs:
        for at, one in enumerate(cost.efforts):
            kv = f"{cost.kv_bytes / 2**30:.1f} GiB" if cost.kv_bytes and at == 0 else ""
            numbers = (one.calls, one.generated, one.scored, one.prefilled_naive, one.prefilled)
            shown = (f"{number:,.0f}" if number else "" for number in numbers)
            rows.append((cost.stage.block if at == 0 else "", one.model, one.role, *shown, kv))
    return aligned(rows, right=(3, 4, 5, 6, 7, 8))


def _memory_lines(block: str, memory: TrainingMemory) -> list[str]:
    """What a training takes of a GPU, and whether it fits."""
    room, chosen = memory.room, memory.chosen
    parts = ", ".join(f"{part.name} {part.bytes / GIB:.1f}" for part in chosen.parts)
    limit = f"{USABLE:.0%} of {room.gpu_memory / GIB:.0f} GiB on {room.gpus} GPUs"
    lines = [
        f"  {block}: {chosen.gpu_bytes / GIB:.1f} GiB a GPU for sequences of {memory.tokens:,} tokens ({parts}): "
        f"{'fits' if memory.fits else 'does not fit'} into {limit}"
    ]
    other = memory.would_fit
    if not memory.fits and other is not None:
        lines.append(
            f"  {block}: with offload = {other.offload} {other.gpu_bytes / GIB:.1f} GiB a GPU and "
            f"{other.host_bytes / GIB:.0f} GiB of a host's memory: fits"
        )
    elif not memory.fits:
        lines.append(f"  {block}: no offload makes it fit; take more GPUs, or a smaller micro_batch or max_length")
    elif chosen.offload != "none":
        lines.append(f"  {block}: it takes {chosen.host_bytes / GIB:.0f} GiB of a host's memory")
    return lines


def _memory_json(memory: TrainingMemory | None) -> dict[str, object] | None:
    if memory is None:
        return None
    layouts = [{**asdict(one), "gpu_bytes": one.gpu_bytes} for one in (memory.chosen, *memory.others)]
    fitting = memory.chosen if memory.fits else memory.would_fit
    return {
        "tokens": memory.tokens,
        "fits": memory.fits,
        "fits_with_offload": fitting.offload if fitting else None,
        "usable_bytes_a_gpu": memory.room.gpu_memory * USABLE,
        "layouts": layouts,
    }


def _sweep_table(plan: Plan) -> list[str]:
    seen: set[str] = set()
    rows: list[tuple[str, ...]] = [("variant", "runs", "stages", "new", "hours")]
    for group in dict.fromkeys(one.group for one in plan.variants):
        members = [one for one in plan.variants if one.group == group]
        new: list[StageCost] = []
        stages = 0
        for member in members:
            stages += len(member.costs)
            for cost in member.costs:
                if cost.stage.id not in seen:
                    seen.add(cost.stage.id)
                    new.append(cost)
        rows.append((group, str(len(members)), str(stages), str(len(new)), shown_hours(total_hours(new))))
    header = f"sweep: {len(plan.variants)} runs, {len(seen)} different stages; what several share is made once"
    return [header, "", *aligned(rows, right=(1, 2, 3, 4))]


def _as_json(plan: Plan) -> dict[str, object]:
    return {
        "format_version": "1.0",
        "experiment": plan.experiment,
        "assumed": asdict(plan.assumed),
        "gpu": asdict(plan.gpu),
        "not_looked_at": list(plan.unknown),
        "variants": [
            {
                "name": variant.name,
                "group": variant.group,
                "hours": total_hours(variant.costs),
                "stages": [
                    {
                        "kind": cost.stage.kind,
                        "block": cost.stage.block,
                        "id": cost.stage.id,
                        "inputs": list(cost.stage.inputs),
                        "items": cost.items,
                        "made": standing.made,
                        "why": standing.why,
                        "efforts": [asdict(one) for one in cost.efforts],
                        "kv_bytes_a_problem": cost.kv_bytes,
                        "hours": cost.hours,
                        "note": cost.note,
                        "training_memory": _memory_json(cost.memory),
                    }
                    for cost, standing in zip(variant.costs, variant.standings, strict=True)
                ],
            }
            for variant in plan.variants
        ],
    }
