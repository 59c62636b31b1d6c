"""Where the part of an unfinished decode is written: beside the run's stages, in the form of one, and never taken for one."""

from __future__ import annotations

from pathlib import Path

from cordspec.artifacts.store import RunDirectory

PART = "part"


def part_of(run: Path) -> RunDirectory:
    """The directory of parts inside a run directory."""
    return RunDirectory(run / PART)
