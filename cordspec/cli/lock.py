"""`cordspec lock SPEC`: pin weights, data and plugins in SPEC.lock; `run --locked` refuses anything else."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from cordspec import api
from cordspec.errors import SpecError
from cordspec.extension.registry import Registry
from cordspec.run.locking import differences, lock_path, make_lock

WOULD_CHANGE = 9


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("spec", type=Path, metavar="SPEC", help="the .cord file")
    parser.add_argument("--check", action="store_true", help="change nothing; exit 9 if the lock would change")


def command(options: argparse.Namespace) -> int:
    """Write the lock, or say what would change in it."""
    registry = Registry()
    variants, diagnostics = api.variants(api.read(options.spec), (), registry)
    if not variants:
        raise SpecError(*diagnostics)
    now = make_lock([one.experiment for one in variants], registry)
    path = lock_path(options.spec)
    before = path.read_text(encoding="utf-8") if path.is_file() else ""
    found = differences(before, now) if before else [f"there is no {path}"]
    if before == now or (options.check and not found):
        print(f"{path} holds", file=sys.stderr)
        return 0
    for line in found:
        print(line, file=sys.stderr)
    if options.check:
        return WOULD_CHANGE
    api.write_text(path, now)
    print(f"wrote {path}", file=sys.stderr)
    return 0
