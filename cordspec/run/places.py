"""Whether a run directory is a good place: its file system, and the room on it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from cordspec.artifacts.store import disk_errors
from cordspec.diagnostics import Diagnostic
from cordspec.errors import PreflightError
from cordspec.plan.estimate import StageCost

NETWORKED: Final = frozenset({
    "nfs", "nfs4", "lustre", "cifs", "smb3", "smbfs", "gpfs", "beegfs", "ceph", "glusterfs", "afs", "9p", "fuse.sshfs",
    "fuse.glusterfs", "fuse.ceph", "orangefs", "pvfs2", "ncpfs", "virtiofs",
})  # fmt: skip
MOUNTS: Final = Path("/proc/self/mountinfo")
LEAST: Final = 8 * 1024
"""Bytes without which not even an empty journal can be written."""
CALL_BYTES: Final = 1_200
TOKEN_BYTES: Final = 12
"""Of a call in journal, candidates and events, beside its text; and of a token, whose text stands in three files."""
WEIGHT_BYTES: Final = 4


def look_at(directory: Path, costs: Sequence[StageCost], weights: float) -> list[Diagnostic]:
    """Warnings about the place of a run that will make stages of these costs and students of so many weights in all.

    Raises:
        PreflightError: there is no room at all.
        IncompleteError: it cannot be looked at.
    """
    found = []
    kind = file_system(directory)
    if kind in NETWORKED:
        message = f"{directory} is on a network file system ({kind})"
        help = "locks and syncs are less sure there: run in a local directory, and copy it when the run is over"
        found.append(Diagnostic("W718", message, help=help))
    with disk_errors(directory):
        room = os.statvfs(directory)
    free, wanted = room.f_bavail * room.f_frsize, bytes_of(costs, weights)
    if free < LEAST:
        message = f"no room in {directory}: {free:,} bytes are free"
        raise PreflightError(Diagnostic("E717", message, help="free some space, or choose another --out"))
    if free < wanted:
        message = f"{directory} has {_size(free)} free; by the plan's assumptions this run will write {_size(wanted)}"
        help = "a run that fills the disk stops and can go on when there is room"
        found.append(Diagnostic("W717", message, help=help))
    return found


def bytes_of(costs: Sequence[StageCost], weights: float) -> float:
    """What stages will write, by the assumptions of the plan."""
    each = [one for cost in costs for one in cost.efforts if cost.stage.kind != "train"]
    texts = sum(CALL_BYTES * one.calls + TOKEN_BYTES * (one.generated + one.scored) for one in each)
    return texts + WEIGHT_BYTES * weights


def file_system(path: Path) -> str:
    """The type of the file system that a path lies on, as Linux names it; empty where that is not told.

    Read from the table of mounts: Python has no `statfs`, and the table names what the magic number of `statfs` stands for.
    """
    real = Path(os.path.realpath(path))
    found, depth = "", -1
    try:
        lines = MOUNTS.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return ""
    for line in lines:
        before, _, behind = line.partition(" - ")
        fields, kinds = before.split(), behind.split()
        if len(fields) > 4 and kinds:
            place = Path(fields[4].replace("\\040", " "))
            if real.is_relative_to(place) and len(place.parts) >= depth:  # of two at one place the later one is seen
                found, depth = kinds[0], len(place.parts)
    return found


def _size(count: float) -> str:
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"
