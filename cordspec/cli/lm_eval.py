"""`cordspec lm-eval RUN --task NAME`: a run's model on tasks of lm-evaluation-harness, its answers in the run's journal.

Tasks are code, as plugins are: whoever gives the command chooses them, and no spec can. No network is used.
"""

from __future__ import annotations

import argparse
import gc
from pathlib import Path

from cordspec import api


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("run", type=Path, metavar="RUN", help="a run directory")
    parser.add_argument("--task", action="append", required=True, metavar="NAME", help="a task; may come several times")
    parser.add_argument(
        "--include-path",
        action="append",
        default=[],
        metavar="DIR",
        help="a directory with tasks of your own; they are code",
    )
    parser.add_argument(
        "--model", default="", metavar="NAME", help="a model or student of the run (default: the only one)"
    )
    parser.add_argument("--limit", type=int, metavar="N", help="only the first N documents of each task")
    parser.add_argument(
        "--num-fewshot", type=int, metavar="N", help="examples before each question (default: the task's)"
    )
    parser.add_argument(
        "--chat", action="store_true", help="ask in the model's own template, and take what stands after its thinking"
    )
    parser.add_argument("--format", choices=("md", "json"), default="md", help="Markdown, or everything as JSON")


def command(options: argparse.Namespace) -> int:
    """Print what lm-eval found."""
    gc.enable()
    made = api.evaluate_tasks(
        options.run, options.task, include=options.include_path, model=options.model, limit=options.limit,
        shots=options.num_fewshot, chat=options.chat,
    )  # fmt: skip
    shown = api.render_tasks(made)
    print(shown.to_markdown() if options.format == "md" else shown.to_json(), end="")
    return 0
