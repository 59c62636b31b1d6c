"""The checkout in which a spec lies, or in which cordspec runs."""

from __future__ import annotations

from pathlib import Path
from typing import Final

MARKS: Final = (".git", "pyproject.toml")


def project_root(directory: Path) -> Path:
    """The directory that a spec must not lead out of: its repository's, or where cordspec runs, or its own."""
    here = directory.resolve()
    for parent in (here, *here.parents):
        if any((parent / mark).exists() for mark in MARKS):
            return parent
    working = Path.cwd()
    return working if here.is_relative_to(working) else here
