"""`cordspec why-rerun SPEC`: what a run would use again of a run directory, what it would make again, and why.

Nothing is opened, fetched or written.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from cordspec import api
from cordspec.cli.comparing import comparison_lines, to_make
from cordspec.diagnostics import render
from cordspec.diagnostics.render import as_json
from cordspec.errors import SpecError
from cordspec.run.changes import Comparison, changes_of
from cordspec.run.planning import total_hours


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("spec", type=Path, metavar="SPEC", help="the .cord file")
    parser.add_argument("--set", action="append", default=[], metavar="PATH=VALUE", help="change one setting")
    parser.add_argument("--out", type=Path, metavar="DIR", help="the run directory (default: runs/EXPERIMENT)")
    parser.add_argument("--limit", type=int, metavar="N", help="only the first N problems of each set")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="text, or everything as JSON")


def command(options: argparse.Namespace) -> int:
    """Print the comparison."""
    variants, diagnostics = api.variants(api.read(options.spec), options.set)
    if not variants:
        raise SpecError(*diagnostics)
    out = options.out or Path("runs") / variants[0].experiment.name
    comparison = api.what_changed(variants, out, limit=options.limit)
    if options.format == "json":
        print(json.dumps(_as_json(comparison), indent=2))
        return 0
    print("\n".join(comparison_lines(comparison, out)))
    if comparison.upgraded:
        print(render(comparison.upgraded, "text"), file=sys.stderr)
    return 0


def _as_json(comparison: Comparison) -> dict[str, object]:
    return {
        "format_version": "1.0",
        "experiment": comparison.plan.experiment,
        "not_looked_at": list(comparison.plan.unknown),
        "variants": [
            {
                "name": variant.name,
                "stages": [
                    {
                        "kind": one.stage.kind,
                        "block": one.stage.block,
                        "id": one.stage.id,
                        "reused": one.made,
                        "why": changes_of(variant).get(one.stage.block, ""),
                        "changes": [asdict(change) for change in one.changes],
                        "problems": asdict(variant.problems[one.stage.block])
                        if one.stage.block in variant.problems
                        else None,
                    }
                    for one in variant.standings
                ],
            }
            for variant in comparison.plan.variants
        ],
        "to_make": [
            {"block": cost.stage.block, "efforts": [asdict(one) for one in cost.efforts], "hours": cost.hours}
            for cost in to_make(comparison)
        ],
        "hours": total_hours(to_make(comparison)),
        "set_aside": [
            {"id": one.entry.id, "block": one.entry.block, "begun": one.begun, "why": one.why}
            for one in comparison.left
        ],
        "upgraded": as_json(comparison.upgraded)["diagnostics"],
    }
