"""`cordspec report RUN`: the report of a run directory, made from its files alone."""

from __future__ import annotations

import argparse
import gc
from pathlib import Path

from cordspec import api


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("run", type=Path, metavar="RUN", help="a run directory")
    help = "Markdown, every number as JSON, or the evaluations alone as lm-eval prints them"
    parser.add_argument("--format", choices=("md", "json", "lm-eval"), default="md", help=help)
    parser.add_argument("--variant", default="", metavar="NAME", help="this variant of a sweep, for `lm-eval`")


def command(options: argparse.Namespace) -> int:
    """Print the report."""
    gc.enable()
    if options.format == "lm-eval":
        print(api.lm_eval_table(options.run, options.variant), end="")
        return 0
    made = api.render(options.run)
    print(made.to_markdown() if options.format == "md" else made.to_json(), end="")
    return 0
