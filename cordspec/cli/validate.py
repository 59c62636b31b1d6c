"""`cordspec validate PATH...`: everything that is wrong with specs, at once.

Imports no GPU stack, opens no socket, and of plugins imports only those installed and allowed that a spec names.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable
from pathlib import Path

from cordspec import api
from cordspec.cli.columns import counted
from cordspec.cli.files import STANDARD_INPUT, read_spec, replace_text, spec_files
from cordspec.cli.guarded import unguarded
from cordspec.diagnostics import FORMATS, Diagnostic, Source, render
from cordspec.errors import PolicyError
from cordspec.extension.checkout import project_root
from cordspec.extension.registry import Registry

MOST_ROUNDS = 8
"""A fix may uncover the next mistake; so often are fixes made and the file looked at again."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument(
        "paths", nargs="+", metavar="PATH", help="a spec, a directory of specs, or - for standard input"
    )
    parser.add_argument("--format", choices=FORMATS, default="text", help="how diagnostics are shown")
    parser.add_argument("--set", action="append", default=[], metavar="PATH=VALUE", help="change one setting")
    parser.add_argument("--fix", action="store_true", help="make the fixes that messages offer, then tell what is left")
    parser.add_argument(
        "--untrusted", action="store_true", help="in a process of its own with little time, memory and no network"
    )


def command(options: argparse.Namespace) -> int:
    """0 when no spec has an error, else 1."""
    _refuse_import_path()
    if options.untrusted:
        from cordspec.cli.confined import validate_confined

        return validate_confined(options)
    registry = Registry()
    found: list[Diagnostic] = []
    files = spec_files(options.paths)
    for given in files:
        source = read_spec(given)
        if options.fix and given != STANDARD_INPUT:
            source = _fixed(source, Path(given), options.set, registry)
        found += api.validate(source, options.set, registry)
    found = list({(one.code, one.message, one.span and str(one.span)): one for one in found}.values())
    errors = sum(diagnostic.severity == "error" for diagnostic in found)
    shown = render(found, options.format)
    if shown:
        # annotations are commands to a runner: they are escaped one by one, and go past the guard
        print(shown, file=unguarded(sys.stdout) if options.format == "github" else sys.stdout)
    if options.format == "text":
        print(_summary(len(files), errors, len(found) - errors), file=sys.stderr)
    return int(errors > 0)


def _fixed(source: Source, path: Path, sets: Iterable[str], registry: Registry) -> Source:
    """The file after its fixes, written back where that made it better."""
    from cordspec.diagnostics.fixing import apply, fixes_for

    made: list[str] = []
    now = source
    diagnostics = before = api.validate(now, sets, registry)
    for _ in range(MOST_ROUNDS):
        fixes = fixes_for(now, diagnostics)
        if not fixes:
            break
        made += [f"{fix.span}: {fix.title}" for fix in fixes]
        now = Source(now.name, apply(now, fixes))
        diagnostics = api.validate(now, sets, registry)
    if len(diagnostics) >= len(before):
        return source
    if made:
        replace_text(path, now.text)
        print("\n".join(f"fixed {line}" for line in made), file=sys.stderr)
    return now


def _summary(files: int, errors: int, warnings: int) -> str:
    told = [counted(n, word) for n, word in ((errors, "error"), (warnings, "warning")) if n]
    return f"{counted(files, 'file')}: {', '.join(told) or 'ok'}"


def _refuse_import_path() -> None:
    """In CI, a checkout on the import path could put a file in the place of a library.

    Raises:
        PolicyError: `PYTHONPATH` leads into the project in which this runs.
    """
    entries = os.environ.get("PYTHONPATH", "").split(os.pathsep) if os.environ.get("CI") else []
    project = project_root(Path.cwd())
    for entry in filter(None, entries):
        if Path(entry).resolve().is_relative_to(project):
            message = f"PYTHONPATH leads to `{entry}`, inside the project that is checked"
            raise PolicyError(Diagnostic("E503", message, help="unset it, or call `python -I -m cordspec validate`"))
