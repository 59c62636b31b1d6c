"""`cordspec run SPEC`: the whole experiment, or what is left of it, and its report.

A spec with a `sweep` is run with all its variants, in one directory; what they share is made once.
"""

from __future__ import annotations

import argparse
import gc
import os
import shlex
import signal
import sys
from pathlib import Path
from types import FrameType

from cordspec import api
from cordspec.cli.comparing import comparison_lines
from cordspec.cli.display import DISPLAYS, choose
from cordspec.diagnostics import Diagnostic, render
from cordspec.errors import Interrupted, SpecError, UsageError
from cordspec.extension.registry import Registry
from cordspec.model import Variant
from cordspec.run.changes import SetAside

EXPECTATION_FAILED = 8


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("spec", type=Path, metavar="SPEC", help="the .cord file")
    parser.add_argument("--set", action="append", default=[], metavar="PATH=VALUE", help="change one setting")
    parser.add_argument("--out", type=Path, metavar="DIR", help="the run directory (default: runs/EXPERIMENT)")
    parser.add_argument("--only", action="append", default=[], metavar="STAGE", help="this stage and what it needs")
    parser.add_argument("--variant", action="append", default=[], metavar="NAME", help="this variant of the sweep")
    parser.add_argument("--locked", action="store_true", help="refuse to run if anything is not as in SPEC.lock")
    parser.add_argument("--limit", type=_positive, metavar="N", help="only the first N problems of each set")
    parser.add_argument(
        "--crashes",
        type=_crashes,
        metavar="N",
        help="set a problem aside that ended the process N times (default 3; at least 2, or 0: never)",
    )
    parser.add_argument(
        "--apply", action="store_true", help="go on where finished stages of DIR would not be used any more; they stay"
    )
    parser.add_argument("--display", choices=DISPLAYS, help="default: rich on a terminal, else plain")


def command(options: argparse.Namespace) -> int:
    """Run, then print the report. 8 when an `expect` of the spec does not hold."""
    gc.enable()
    os.umask(0o077)  # for what libraries make, the journal too: all that a run leaves is its owner's
    signal.signal(signal.SIGTERM, _stopped)
    registry = Registry()
    variants, diagnostics = api.variants(api.read(options.spec), options.set, registry)
    if not variants:
        raise SpecError(*diagnostics)
    chosen = _chosen(variants, options.variant)
    for variant in chosen:
        api.refuse_absent(variant.experiment)
    if diagnostics:
        print(render(diagnostics, "text"), file=sys.stderr)
    if options.locked:
        api.verify_lock(options.spec, [one.experiment for one in variants], registry)
    out = options.out or Path("runs") / chosen[0].experiment.name
    with choose(options.display) as display:
        try:
            api.execute(
                chosen,
                out,
                limit=options.limit,
                only=options.only,
                known=[one.name for one in variants],
                crashes=options.crashes,
                apply=options.apply,
                observer=display,
                registry=registry,
            )
        except SetAside as refused:
            print("\n".join(comparison_lines(refused.comparison, out)), end="\n\n", file=sys.stderr)
            raise
        report = api.render(out)
        api.write_report(out, report)
        display.show_report(report, out)
    found = [Diagnostic("E801", f"an expectation does not hold: {said}") for said in report.failed]
    if found:
        print(render(found, "text"), file=sys.stderr)
    return EXPECTATION_FAILED if found else 0


def _chosen(variants: list[Variant], names: list[str]) -> list[Variant]:
    """The variants of these names, or of these groups; all for no names."""
    for name in names:
        if not any(name in (one.name, one.group) for one in variants):
            known = ", ".join(dict.fromkeys(one.group for one in variants))
            raise UsageError(Diagnostic("E116", f"the spec has no variant named `{name}`", help=f"it has {known}"))
    return [one for one in variants if not names or one.name in names or one.group in names]


def _stopped(number: int, frame: FrameType | None) -> None:
    """Before and after the work itself, which has its own way to stop."""
    raise Interrupted(number, shlex.join(["cordspec", *sys.argv[1:]]))


def _crashes(text: str) -> int:
    """At least 2: the last time, the problem ran alone, so that no other is set aside for it."""
    value = int(text)
    if value < 0 or value == 1:
        raise argparse.ArgumentTypeError("must be at least 2, or 0 for never")
    return value


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value
