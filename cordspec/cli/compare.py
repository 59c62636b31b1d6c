"""`cordspec compare RUN[:EVAL] RUN[:EVAL]`: two evaluations paired over problems, or why they cannot be compared."""

from __future__ import annotations

import argparse
import gc

from cordspec import api


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    help = "a run directory, and behind a colon its evaluation, where it has several"
    parser.add_argument("first", metavar="RUN[:EVAL]", help=help)
    parser.add_argument("second", metavar="RUN[:EVAL]", help="what it is compared with")
    parser.add_argument("--format", choices=("md", "json"), default="md", help="Markdown, or the numbers as JSON")


def command(options: argparse.Namespace) -> int:
    """Print the comparison. 2 when the evaluations were not asked alike."""
    gc.enable()
    made = api.compare(options.first, options.second)
    print(made.to_markdown() if options.format == "md" else made.to_json(), end="")
    return 0
