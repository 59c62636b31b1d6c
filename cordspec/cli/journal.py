"""`cordspec journal verify|repair|dump RUN`: whether a run's journal is what was written, and what to do when it is not."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from cordspec import api


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    verify = actions.add_parser("verify", help="read all of the journal and of the finished stages")
    verify.set_defaults(action=_verify)
    repair = actions.add_parser("repair", help="make a journal of the rows that can still be read; the old files stay")
    repair.add_argument("--dry-run", action="store_true", help="only say what would be kept")
    repair.set_defaults(action=_repair)
    dump = actions.add_parser("dump", help="every row as a line of JSON")
    dump.set_defaults(action=_dump)
    for action in (verify, repair, dump):
        action.add_argument("run", type=Path, metavar="RUN", help="a run directory")


def command(options: argparse.Namespace) -> int:
    """Do one of the three."""
    action: int = options.action(options)
    return action


def _verify(options: argparse.Namespace) -> int:
    found = api.verify_run(options.run)
    print(f"journal: {found.rows} rows, {found.answers} answers, all as they were written")
    print(f"processes: {found.processes}, of which {found.crashed} did not end by themselves")
    print(f"answers that were asked for again: {found.asked_again}")
    print(f"stages: {found.stages}, all as they were written")
    if found.missing:
        print(f"missing: {found.missing} rows at the end of the journal; the next run asks for them again")
    return 0


def _repair(options: argparse.Namespace) -> int:
    saved = api.repair_journal(options.run, dry_run=options.dry_run)
    of = f" of {saved.marked}" if saved.marked is not None else ""
    print(f"{'would keep' if options.dry_run else 'kept'} {saved.rows}{of} rows; lost: {saved.lost}")
    return 0


def _dump(options: argparse.Namespace) -> int:
    for row in api.dump_journal(options.run):
        print(json.dumps(row, ensure_ascii=True))
    return 0
