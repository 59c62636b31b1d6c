"""A run directory: stages appear in it whole or not at all, and nobody but its owner reads them."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cordspec.diagnostics import Diagnostic
from cordspec.errors import IncompleteError, IntegrityError
from cordspec.faultpoints import faultpoint

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
    errno.ESTALE,
}

STAGES = "stages"
CHECKPOINTS = "checkpoints"
RECEIPT = "artifact.json"
"""Written last into a stage's directory: names, sizes and hashes of its files. Without it there is no artifact."""
OWN_DIRECTORY = 0o700
OWN_FILE = 0o600
"""Modes of what a run leaves, whatever the umask: problems, answers and traces are the owner's to share."""


class RunDirectory:
    """The files of a run. The journal lies beside them as ``run.db``."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def journal(self) -> Path:
        return self.path / "run.db"

    def create(self) -> None:
        """Make the directory, unless it is there; one that is there keeps its mode, what is put into it is private.

        Raises:
            IncompleteError: it cannot be made.
        """
        with disk_errors(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            for directory in (self.path, self.path / STAGES):
                if not directory.is_dir():
                    directory.mkdir(mode=OWN_DIRECTORY, exist_ok=True)

    def stage(self, stage_id: str) -> Path:
        return self.path / STAGES / stage_id

    def receipt(self, stage_id: str) -> str:
        """The SHA-256 of a finished stage's receipt, which holds those of its files."""
        return _digest(self.stage(stage_id) / RECEIPT)

    def work(self, stage_id: str) -> Path:
        """Where a stage keeps what must outlive a run that is cut off, beside what `writing` would wipe."""
        path = self.path / CHECKPOINTS / stage_id
        with disk_errors(self.path):
            path.parent.mkdir(mode=OWN_DIRECTORY, exist_ok=True)
            path.mkdir(mode=OWN_DIRECTORY, exist_ok=True)
        return path

    def clear_work(self, stage_id: str) -> None:
        """Remove that of a finished stage."""
        shutil.rmtree(self.path / CHECKPOINTS / stage_id, ignore_errors=True)
        with suppress(OSError):  # others are in it, or there never was one
            (self.path / CHECKPOINTS).rmdir()

    def has(self, stage_id: str) -> bool:
        """Whether a stage is finished.

        Raises:
            IncompleteError: the directory cannot be looked into.
        """
        with disk_errors(self.path):
            return (self.stage(stage_id) / RECEIPT).is_file()

    @contextmanager
    def writing(self, stage_id: str) -> Iterator[Path]:
        """A directory to write a stage's files into; it takes the stage's place when the block ends without an error.

        Raises:
            IncompleteError: the disk is full or cannot be written; what was there before is as it was.
        """
        final = self.stage(stage_id)
        partial, former = final.with_name(f".{stage_id}.partial"), final.with_name(f".{stage_id}.former")
        with disk_errors(self.path):
            shutil.rmtree(partial, ignore_errors=True)
            _put_back(former, final)
            partial.parent.mkdir(parents=True, exist_ok=True)
            partial.mkdir(mode=OWN_DIRECTORY)
            try:
                faultpoint("stage.begun")
                yield partial
                faultpoint("stage.before_receipt")
                _sign(partial)
                faultpoint("stage.before_rename")
                if final.exists():
                    final.rename(former)  # set aside whole: a directory that is being removed must not be seen
                    faultpoint("stage.set_aside")
                partial.rename(final)
                faultpoint("stage.after_rename")
                _sync(final.parent)
                shutil.rmtree(former, ignore_errors=True)
                faultpoint("stage.kept")
            except BaseException:
                shutil.rmtree(partial, ignore_errors=True)
                _put_back(former, final)
                raise

    def write(self, name: str, text: str) -> None:
        """Replace a file at the top of the directory, atomically."""
        partial = self.path / f".{name}.partial"
        with disk_errors(self.path):
            try:
                _write(partial, text)
                faultpoint("file.before_rename")
                partial.replace(self.path / name)
                faultpoint("file.after_rename")
            except OSError:
                with suppress(OSError):
                    partial.unlink(missing_ok=True)  # a full disk is not kept full
                raise

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


def write_text(path: Path, text: str, mode: int = OWN_FILE) -> None:
    """Write a file, of a stage unless a mode is given, through to the disk."""
    _write(path, text, mode)


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
        message = f"cannot work in {path}: {(error.strerror or str(error)).lower()}"
        help = "free some space or choose another --out, then give the same command again: nothing is lost"
        raise IncompleteError(Diagnostic("E702", message, help=help)) from error


def _put_back(former: Path, final: Path) -> None:
    """What was set aside for a successor that never came takes its place again."""
    if final.exists():
        shutil.rmtree(former, ignore_errors=True)
    elif former.exists():
        former.rename(final)


def _sign(directory: Path) -> None:
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    for path in files:
        if not path.is_symlink():
            path.chmod(OWN_FILE)  # a trainer or a library made it as it likes
        _sync(path)
    for inner in (path for path in directory.rglob("*") if path.is_dir() and not path.is_symlink()):
        inner.chmod(OWN_DIRECTORY)
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


def _write(path: Path, text: str, mode: int = OWN_FILE) -> None:
    def opener(name: str, flags: int) -> int:
        return os.open(name, flags, mode)

    with open(path, "w", encoding="utf-8", newline="\n", opener=opener) as file:  # pathlib takes no opener
        faultpoint("file.opened")
        file.write(text)
        file.flush()
        faultpoint("file.before_sync")
        os.fsync(file.fileno())


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
