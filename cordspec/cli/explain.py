"""`cordspec explain CODE`: what a diagnostic means, an example that gives it, and the same mended."""

from __future__ import annotations

import argparse
import sys

from cordspec.diagnostics import Diagnostic
from cordspec.diagnostics.pages import codes, page, title
from cordspec.errors import UsageError


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("code", nargs="?", metavar="CODE", help="such as E102; none lists them all")


def command(options: argparse.Namespace) -> int:
    """Print a page, or the list of codes with their titles."""
    if options.code is None:
        print("\n".join(f"{code}  {title(code)}" for code in codes()))
        return 0
    code = options.code.upper()
    if code not in codes():
        raise UsageError(Diagnostic("E117", f"there is no code `{options.code}`", help="`cordspec explain` lists them"))
    sys.stdout.write(page(code))
    return 0
