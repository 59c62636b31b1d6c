"""`cordspec export RUN --to DIR`: training data from a finished run, made from its files alone. Nothing is sent anywhere."""

from __future__ import annotations

import argparse
import gc
import math
import sys
from pathlib import Path

from cordspec import api
from cordspec.report.export.columns import FORMS


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("run", type=Path, metavar="RUN", help="a run directory")
    parser.add_argument("--to", type=Path, required=True, metavar="DIR", help="a new directory, or an earlier export")
    parser.add_argument("--decode", default="", metavar="NAME", help="which decode, where the run has several")
    parser.add_argument("--variant", default="", metavar="NAME", help="which variant of a sweep")
    parser.add_argument("--form", choices=(*FORMS, "all"), default="all", help="default: all")
    parser.add_argument("--format", choices=("jsonl", "parquet", "both"), default="jsonl", help="default: jsonl")
    parser.add_argument("--partial", action="store_true", help="of a decode that is not finished: what there is of it")
    parser.add_argument(
        "--keep",
        choices=("correct", "all"),
        help="traces that end right, or all (default: as the decode's `keep`; correct for preferences)",
    )
    parser.add_argument(
        "--margin",
        type=_not_negative,
        default=0.0,
        metavar="SCORE",
        help="a sibling counts as worse if it scored lower by so much (default: by anything)",
    )


def command(options: argparse.Namespace) -> int:
    """Export, and say how many rows each form has."""
    gc.enable()
    made = api.export(
        options.run,
        options.to,
        decode=options.decode,
        variant=options.variant,
        forms=FORMS if options.form == "all" else (options.form,),
        formats=("jsonl", "parquet") if options.format == "both" else (options.format,),
        keep=options.keep,
        margin=options.margin,
        partial=options.partial,
    )
    counts = ", ".join(f"{rows} {form}" for form, rows in made.rows.items())
    missing = f" ({made.pending} problems are missing: the decode is not finished)" if made.pending else ""
    print(f"{made.to}: {made.decode}: {counts}{missing}")
    for form, found in made.scans.items():
        for what, count in found.found.items():
            print(f"beware: {count} of {found.rows} rows of {form} hold {what}", file=sys.stderr)
    return 0


def _not_negative(text: str) -> float:
    value = float(text)
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError("must be a number of at least 0")
    return value
