"""`cordspec status RUN`: how far a run is, and whether it is alive.

The journal is not opened, so a live run is not disturbed.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from cordspec import api
from cordspec.artifacts.status import Status
from cordspec.diagnostics.render import visible
from cordspec.journal.lease import holder


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("run", type=Path, metavar="RUN", help="a run directory")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="text, or everything as JSON")


def command(options: argparse.Namespace) -> int:
    """Print the status."""
    status = api.status(options.run)
    found = state_of(status)
    if options.format == "json":
        held = holder(options.run)
        print(json.dumps({**asdict(status), "is": found, "lease": asdict(held) if held else None}, indent=2))
    else:
        print("\n".join(visible(line) for line in _lines(status, found, options.run)))
    return 0


def state_of(status: Status) -> str:
    """`running`, `finished`, `stopped`, `failed`, `killed`, or `unknown` where it ran on another machine."""
    if status.state != "running":
        return status.state
    alive = status.process.alive
    return "unknown" if alive is None else "running" if alive else "killed"


def _lines(status: Status, found: str, run: Path) -> Iterator[str]:
    process = status.process
    where = str(process)
    last = f"last heard of at {status.updated}"
    told = {
        "running": f"running: {where}, attempt {status.attempt}, since {status.started}",
        "finished": f"finished at {status.updated}",
        "stopped": f"stopped at {status.updated}",
        "failed": f"failed at {status.updated}: {status.code}",
        "killed": f"was killed: {where} is gone, {last}",
        "unknown": f"running as far as is known: {where}, which is another machine; {last}",
    }
    yield f"{status.experiment} in {run}: {told[found]}"
    held = holder(run)
    if held is not None and found != "finished" and (held.host, held.pid) != (process.host, process.pid):
        yield f"the directory is held by {held}"
    if status.variants > 1:
        yield f"variant {status.variant_number + 1} of {status.variants}: {status.variant}"
    yield f"{status.stages_done} of {status.stages} stages are there"
    if status.stage and found != "finished":
        yield f"{status.stage}, since {status.stage_since}: {status.done} of {status.total} {status.unit}".rstrip()
        counts = status.counts
        if counts:
            names = ("done", "failed", "quarantined", "pending")
            yield "  problems: " + ", ".join(f"{counts[name]} {name}" for name in names if name in counts)
            rate = f", {status.calls_a_second:g} asked a second" if status.calls_a_second else ""
            waves, calls, tokens = (counts.get(name, 0) for name in ("waves", "calls", "tokens"))
            yield f"  {waves:,} waves, {calls:,} calls, {tokens:,} tokens{rate}"
    if found in ("killed", "stopped", "failed"):
        yield f"resume with: {status.resume}"
        yield f"  in {status.directory}"
