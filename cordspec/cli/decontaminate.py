"""`cordspec decontaminate SPEC`: training rows in which questions stand that students are measured on, before training."""

from __future__ import annotations

import argparse
import gc
from pathlib import Path

from cordspec import api
from cordspec.errors import SpecError
from cordspec.report.plain import to_text


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("spec", type=Path, metavar="SPEC", help="the .cord file")
    parser.add_argument("--set", action="append", default=[], metavar="PATH=VALUE", help="change one setting")
    parser.add_argument(
        "--run", type=Path, metavar="DIR", help="where finished decodes have their traces (default: runs/EXPERIMENT)"
    )
    parser.add_argument("--format", choices=("text", "json"), default="text", help="tables, or every number as JSON")


def command(options: argparse.Namespace) -> int:
    """Print what is found; finding something is no failure."""
    gc.enable()
    variants, diagnostics = api.variants(api.read(options.spec), options.set)
    if not variants:
        raise SpecError(*diagnostics)
    report = api.decontaminate(variants, options.run or Path("runs") / variants[0].experiment.name)
    print(to_text(report) if options.format == "text" else report.to_json(), end="")
    return 0
