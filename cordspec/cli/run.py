"""`cordspec run SPEC`: the whole experiment, or what is left of it, and its report."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from cordspec import api
from cordspec.cli.display import DISPLAYS, choose
from cordspec.diagnostics import render
from cordspec.errors import SpecError
from cordspec.extension.registry import Registry


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("spec", type=Path, metavar="SPEC", help="the .cord file")
    parser.add_argument("--set", action="append", default=[], metavar="PATH=VALUE", help="change one setting")
    parser.add_argument("--out", type=Path, metavar="DIR", help="the run directory (default: runs/EXPERIMENT)")
    parser.add_argument("--limit", type=_positive, metavar="N", help="only the first N problems of each set")
    parser.add_argument("--display", choices=DISPLAYS, help="default: rich on a terminal, else plain")


def command(options: argparse.Namespace) -> int:
    """Run, then print the report."""
    registry = Registry()
    experiment, diagnostics = api.resolve(api.read(options.spec), options.set, registry)
    if experiment is None:
        raise SpecError(*diagnostics)
    if diagnostics:
        print(render(diagnostics, "text"), file=sys.stderr)
    out = options.out or Path("runs") / experiment.name
    with choose(options.display) as display:
        api.execute(experiment, out, limit=options.limit, observer=display, registry=registry)
        report = api.render(out)
        api.write_report(out, report)
        display.show_report(report, out)
    return 0


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value
