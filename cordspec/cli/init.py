"""`cordspec init [DIR]`: a first spec that runs on any laptop, with checks for pre-commit and CI."""

from __future__ import annotations

import argparse
import sys
from importlib.resources import files
from pathlib import Path
from typing import Final

from cordspec import __version__
from cordspec.diagnostics import Diagnostic
from cordspec.errors import UsageError

FILES: Final = {
    "experiment.cord": "experiment.cord",
    ".pre-commit-config.yaml": "pre-commit.yaml",
    ".github/workflows/specs.yml": "workflow.yaml",
}
"""What is written, and the template that it is written from."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("directory", nargs="?", type=Path, default=Path(), metavar="DIR", help="where (default: here)")


def command(options: argparse.Namespace) -> int:
    """Write the files; nothing that is there is touched."""
    there = [name for name in FILES if (options.directory / name).exists()]
    if there:
        message = f"{', '.join(str(options.directory / name) for name in there)}: there already"
        raise UsageError(Diagnostic("E119", message, help="choose another directory; nothing was written"))
    for name, template in FILES.items():
        path = options.directory / name
        text = files("cordspec.cli.templates").joinpath(template).read_text(encoding="utf-8")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text.replace("@VERSION@", __version__), encoding="utf-8")
        except OSError as error:
            message = f"cannot write {path}: {(error.strerror or 'unusable').lower()}"
            raise UsageError(Diagnostic("E119", message, help="choose another directory")) from error
        print(f"wrote {path}", file=sys.stderr)
    print(f"next: cordspec run {options.directory / 'experiment.cord'}", file=sys.stderr)
    return 0
