"""The directory of an export: it appears whole or not at all, and takes the place of nothing but an untouched export."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from cordspec.artifacts.store import RECEIPT, RunDirectory
from cordspec.diagnostics import Diagnostic
from cordspec.errors import IncompleteError, IntegrityError, UsageError

DESCRIPTION = "export.json"
"""What was exported; with the receipt it says that cordspec wrote the directory."""


class _Beside(RunDirectory):
    """The directory around an export, which is written and verified as a stage is."""

    def stage(self, stage_id: str) -> Path:
        return self.path / stage_id


@contextmanager
def writing(to: Path) -> Iterator[Path]:
    """A directory to write an export into; it takes its place when the block ends without an error.

    Raises:
        UsageError: something that is not an export, or was changed since, lies there.
        IncompleteError: the disk is full or cannot be written; what was there before is as it was.
    """
    place = to.resolve()
    _refuse_foreign(place, to)
    try:
        with _Beside(place.parent).writing(place.name) as directory:
            yield directory
    except IncompleteError as error:
        help = "free some space or choose another --to; what was there before is as it was"
        raise IncompleteError(*(replace(one, help=help) for one in error.diagnostics)) from error


def _refuse_foreign(place: Path, to: Path) -> None:
    try:
        if not place.exists() or (place.is_dir() and not any(place.iterdir())):
            return
        if not place.is_dir():
            raise ValueError("is a file")
        if not (place / DESCRIPTION).is_file():
            raise ValueError("is not empty, and no export")
        _Beside(place.parent).verify(place.name)
        listed = {*json.loads((place / RECEIPT).read_text(encoding="utf-8"))["files"], RECEIPT}
        more = sorted(str(path.relative_to(place)) for path in place.rglob("*") if not path.is_dir())
        if set(more) != listed:
            raise ValueError(f"holds a file that is no part of the export: {next(n for n in more if n not in listed)}")
    except IntegrityError as error:
        said = f"{to} is an export that was changed since: {error.diagnostics[0].message}"
        raise UsageError(Diagnostic("E710", said, help="choose another --to, or remove it")) from error
    except (OSError, ValueError) as error:
        raise UsageError(Diagnostic("E710", f"{to} {error}", help="choose another --to, or remove it")) from error
