"""`cordspec tree RUN`: the search trees of a decode: who proposed what, what it scored, what became of it."""

from __future__ import annotations

import argparse
import gc
from pathlib import Path

from cordspec import api
from cordspec.report.provenance.drawing import TREE_FORMATS


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("run", type=Path, metavar="RUN", help="a run directory")
    parser.add_argument("--decode", metavar="NAME", help="which decode, where the run has several")
    parser.add_argument("--variant", metavar="NAME", help="which variant, where the run is a sweep")
    parser.add_argument("--problem", metavar="ID", help="one problem, by its id or the beginning of it; all without it")
    parser.add_argument("--format", choices=TREE_FORMATS, default="text", help="how it is drawn")


def command(options: argparse.Namespace) -> int:
    """Print the trees."""
    gc.enable()
    print(api.tree(options.run, options.decode, options.variant, options.problem, options.format))
    return 0
