"""`cordspec regrade RUN --grader NAME`: grade a run's stored predictions again, and list where graders do not agree.

One grader is held against the run's own verdicts, two against each other. No model is asked.
"""

from __future__ import annotations

import argparse
import gc
from pathlib import Path

from cordspec import api
from cordspec.diagnostics import Diagnostic
from cordspec.errors import UsageError


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("run", type=Path, metavar="RUN", help="a run directory")
    parser.add_argument(
        "--grader", action="append", required=True, metavar="NAME", help="a grader; twice for two against each other"
    )
    parser.add_argument("--eval", action="append", default=[], metavar="NAME", help="this evaluation (default: all)")
    parser.add_argument("--variant", default="", metavar="NAME", help="this variant of a sweep")
    parser.add_argument("--format", choices=("md", "json"), default="md", help="Markdown, or everything as JSON")


def command(options: argparse.Namespace) -> int:
    """Print the counts and the disagreements."""
    gc.enable()
    if len(options.grader) > 2:
        message = f"{len(options.grader)} graders are named; two are compared at a time"
        raise UsageError(Diagnostic("E811", message, help="give --grader once or twice"))
    made = api.render_regrade(api.regrade(options.run, options.grader, evals=options.eval, variant=options.variant))
    print(made.to_markdown() if options.format == "md" else made.to_json(), end="")
    return 0
