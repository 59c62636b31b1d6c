"""`cordspec graph SPEC`: the stages and what each is made from, as a tree, Mermaid, DOT or JSON."""

from __future__ import annotations

import argparse
from pathlib import Path

from cordspec import api
from cordspec.errors import SpecError
from cordspec.plan import build
from cordspec.plan.drawing import GRAPH_FORMATS, draw


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("spec", type=Path, metavar="SPEC", help="the .cord file")
    parser.add_argument("--set", action="append", default=[], metavar="PATH=VALUE", help="change one setting")
    parser.add_argument("--format", choices=GRAPH_FORMATS, default="tree", help="how it is drawn")


def command(options: argparse.Namespace) -> int:
    """Print the graph. Nothing of what the spec names is looked at."""
    experiment, diagnostics = api.resolve(api.read(options.spec), options.set)
    if experiment is None:
        raise SpecError(*diagnostics)
    print(draw(build(experiment, lambda block: block.name), experiment, options.format))
    return 0
