"""`cordspec report RUN`: the report of a run directory, made from its files alone."""

from __future__ import annotations

import argparse
import gc
from pathlib import Path

from cordspec import api


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("run", type=Path, metavar="RUN", help="a run directory")
    parser.add_argument("--format", choices=("md", "json"), default="md", help="Markdown, or every number as JSON")


def command(options: argparse.Namespace) -> int:
    """Print the report."""
    gc.enable()
    made = api.render(options.run)
    print(made.to_markdown() if options.format == "md" else made.to_json(), end="")
    return 0
