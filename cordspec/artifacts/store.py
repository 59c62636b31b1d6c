"""A run directory: stages appear in it whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cordspec.diagnostics import Diagnostic
from cordspec.errors import IncompleteError, IntegrityError

_DISK = {
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EROFS,
    errno.EIO,
    errno.EACCES,
    errno.EPERM,
    errno.EFBIG,
    errno.ENOTDIR,
    errno.ENAMETOOLONG,
    errno.EEXIST,
}

STAGES = "stages"
RECEIPT = "artifact.json"
"""Written last into a stage's directory: names, sizes and hashes of its files. Without it there is no artifact."""


class RunDirectory:
    """The files of a run. The journal lies beside them as ``run.db``."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def journal(self) -> Path:
        return self.path / "run.db"

    def create(self) -> None:
        """Make the directory, unless it is there.

        Raises:
            IncompleteError: it cannot be made.
        """
        with disk_errors(self.path):
            (self.path / STAGES).mkdir(parents=True, exist_ok=True)

    def stage(self, stage_id: str) -> Path:
        return self.path / STAGES / stage_id

    def has(self, stage_id: str) -> bool:
        """Whether a stage is finished."""
        return (self.stage(stage_id) / RECEIPT).is_file()

    @contextmanager
    def writing(self, stage_id: str) -> Iterator[Path]:
        """A directory to write a stage's files into; it takes the stage's place when the block ends without an error.

        Raises:
            IncompleteError: the disk is full or cannot be written; what was there before is as it was.
        """
        final = self.stage(stage_id)
        partial = final.with_name(f".{stage_id}.partial")
        with disk_errors(self.path):
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir(parents=True)
            try:
                yield partial
                _sign(partial)
                if final.exists():
                    shutil.rmtree(final)
                partial.rename(final)
                _sync(final.parent)
            except BaseException:
                shutil.rmtree(partial, ignore_errors=True)
                raise

    def write(self, name: str, text: str) -> None:
        """Replace a file at the top of the directory, atomically."""
        with disk_errors(self.path):
            partial = self.path / f".{name}.partial"
            _write(partial, text)
            partial.replace(self.path / name)

    def remove(self, name: str) -> None:
        """Remove a file at the top of the directory, if it is there."""
        with disk_errors(self.path):
            (self.path / name).unlink(missing_ok=True)

    def verify(self, stage_id: str) -> None:
        """Check a finished stage against its receipt.

        Raises:
            IntegrityError: a file is missing or is not what was written.
        """
        directory = self.stage(stage_id)
        help = f"remove {directory} to make it again"
        try:
            expected = {
                name: str(file["sha256"]) for name, file in json.loads(_read(directory / RECEIPT))["files"].items()
            }
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise IntegrityError(Diagnostic("E706", f"{directory / RECEIPT} is damaged", help=help)) from error
        for name, digest in expected.items():
            path = directory / name
            if not path.is_file() or _digest(path) != digest:
                raise IntegrityError(Diagnostic("E706", f"{path} is not the file that the run wrote", help=help))


def write_text(path: Path, text: str) -> None:
    """Write a file of a stage, through to the disk."""
    _write(path, text)


def is_disk_error(error: OSError) -> bool:
    """Whether an error says that the disk is full, read-only or not usable, rather than that our request was odd."""
    return error.errno in _DISK


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn a failing disk into one diagnostic.

    Raises:
        IncompleteError: writing failed.
    """
    try:
        yield
    except OSError as error:
        if not is_disk_error(error):
            raise
        message = f"cannot write into {path}: {(error.strerror or str(error)).lower()}"
        help = "free some space or choose another --out, then give the same command again: nothing is lost"
        raise IncompleteError(Diagnostic("E702", message, help=help)) from error


def _sign(directory: Path) -> None:
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    for path in files:
        _sync(path)
    for inner in (path for path in directory.rglob("*") if path.is_dir()):
        _sync(inner)
    described = {
        str(path.relative_to(directory)): {"bytes": path.stat().st_size, "sha256": _digest(path)} for path in files
    }
    _write(directory / RECEIPT, json.dumps({"schema_version": 1, "files": described}, indent=2, sort_keys=True) + "\n")
    _sync(directory)


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write(path: Path, text: str) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
