"""`cordspec validate PATH...`: everything that is wrong with specs, at once. Imports no GPU stack, opens no socket."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from cordspec import api
from cordspec.diagnostics import FORMATS, Diagnostic, Source, render
from cordspec.errors import UsageError
from cordspec.extension.registry import Registry


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument(
        "paths", nargs="+", metavar="PATH", help="a spec, a directory of specs, or - for standard input"
    )
    parser.add_argument("--format", choices=FORMATS, default="text", help="how diagnostics are shown")
    parser.add_argument("--set", action="append", default=[], metavar="PATH=VALUE", help="change one setting")


def command(options: argparse.Namespace) -> int:
    """0 when no spec has an error, else 1."""
    registry = Registry()
    found: list[Diagnostic] = []
    count = 0
    for source in _sources(options.paths):
        count += 1
        found += api.resolve(source, options.set, registry)[1]
    errors = sum(diagnostic.severity == "error" for diagnostic in found)
    shown = render(found, options.format)
    if shown:
        print(shown)
    if options.format == "text":
        warnings = len(found) - errors
        files = f"{count} file{'s' if count != 1 else ''}"
        told = [f"{n} {word}{'s' if n != 1 else ''}" for n, word in ((errors, "error"), (warnings, "warning")) if n]
        print(f"{files}: {', '.join(told) or 'ok'}", file=sys.stderr)
    return int(errors > 0)


def _standard_input() -> Source:
    try:
        return Source("<stdin>", sys.stdin.buffer.read().decode("utf-8"))
    except UnicodeDecodeError as error:
        message = "standard input is not UTF-8 text"
        raise UsageError(Diagnostic("E106", message, help="give the path of a .cord file")) from error


def _sources(paths: list[str]) -> Iterator[Source]:
    for given in paths:
        path = Path(given)
        if given == "-":
            yield _standard_input()
        elif _is_directory(path):
            inside = sorted(path.rglob("*.cord"))
            if not inside:
                raise UsageError(Diagnostic("E106", f"no .cord file in {path}", help="give a spec or its directory"))
            yield from (api.read(one) for one in inside)
        else:
            yield api.read(path)


def _is_directory(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # such as a name that is too long; reading it will say so
        return False
