"""`cordspec fmt PATH...`: rewrite specs in the one layout. There is nothing to configure."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from difflib import unified_diff
from pathlib import Path
from typing import Final

from cordspec.cli.files import STANDARD_INPUT, read_spec, replace_text, spec_files
from cordspec.diagnostics import render
from cordspec.diagnostics.render import visible
from cordspec.errors import CordspecError
from cordspec.syntax.layout import format_text

UNFORMATTED: Final = 9
"""The exit code of ``--check`` and ``--diff`` where a file is not in the layout."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument(
        "paths", nargs="+", metavar="PATH", help="a spec, a directory of specs, or - for standard input to output"
    )
    parser.add_argument("--check", action="store_true", help="change nothing; exit 9 if a file would change")
    parser.add_argument(
        "--diff", action="store_true", help="change nothing; show what would change, exit 9 if anything"
    )


def command(options: argparse.Namespace) -> int:
    """Every path is tried. A file that fails decides the exit code, the highest if several do; else 9 or 0."""
    failed: list[int] = []
    unformatted = False
    for given in spec_files(options.paths):
        try:
            unformatted |= _format(given, options)
        except CordspecError as error:
            print(render(error.diagnostics, "text"), file=sys.stderr)
            failed.append(error.exit_code)
    return max(failed, default=UNFORMATTED if unformatted else 0)


def _format(given: str, options: argparse.Namespace) -> bool:
    """One file. Nothing is written unless all of it is right. True where it stays unformatted, as was asked for."""
    source = read_spec(given)
    name, before = source.name, source.text
    after = format_text(source)
    if options.check or options.diff:
        if options.diff:
            _put_out("".join(_diff(name, before, after)))
        if options.check and before != after:
            print(f"would format {visible(name)}", file=sys.stderr)
        return before != after
    if given == STANDARD_INPUT:
        _put_out(after)
    elif before != after:
        replace_text(Path(given), after)
        print(f"formatted {visible(name)}", file=sys.stderr)
    return False


def _diff(name: str, before: str, after: str) -> Iterator[str]:
    """A unified diff: exact where a program reads it, with control characters shown where a person does."""
    shown = visible if sys.stdout.isatty() else str
    for line in unified_diff(_lines(before), _lines(after), name, name):
        whole = line.endswith("\n")
        yield shown(line.removesuffix("\n")) + ("\n" if whole else "\n\\ No newline at end of file\n")


def _lines(text: str) -> list[str]:
    lines = text.split("\n")
    return [f"{line}\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])


def _put_out(text: str) -> None:
    """To standard output with the bytes as they are in a file."""
    sys.stdout.flush()
    sys.stdout.buffer.write(text.encode("utf-8", "surrogateescape"))
    sys.stdout.buffer.flush()
