"""`cordspec stats RUN`: what the events of a decode tell: costs, hit rates, lengths, compliance, scores."""

from __future__ import annotations

import argparse
import gc
from pathlib import Path

from cordspec import api
from cordspec.report.plain import to_text


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("run", type=Path, metavar="RUN", help="a run directory")
    parser.add_argument("--decode", metavar="NAME", help="which decode, where the run has several")
    parser.add_argument("--variant", metavar="NAME", help="which variant, where the run is a sweep")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="tables, or every number as JSON")
    parser.add_argument("--svg", type=Path, metavar="FILE", help="draw the teacher hit rate over progress into a file")


def command(options: argparse.Namespace) -> int:
    """Print the statistics."""
    gc.enable()
    made, figure = api.stats(options.run, options.decode, options.variant)
    if options.svg is not None:
        api.write_text(options.svg, figure)
    print(to_text(made) if options.format == "text" else made.to_json(), end="")
    return 0
