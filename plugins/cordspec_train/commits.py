"""Checkpoints that are whole: a manifest is written last, and nothing without one is ever loaded.

DeepSpeed writes its own ``latest`` with a plain ``open`` after the shards, and transformers takes the directory with the
highest number. Neither says that a checkpoint is complete: a process that is killed in the middle of a save leaves one that
looks so.
Shards are pickles, too; only those that a manifest lists, with the hash that they have, are ever handed to a loader.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

COMMIT: Final = "COMMIT.json"
KEPT: Final = 2
PREFIX: Final = "checkpoint-"
READERS: Final = 8
"""Files that are hashed side by side; hashing gives up the interpreter's lock."""

Layout = Mapping[str, str | int]
"""What a checkpoint is good for: the number of processes, the ZeRO stage, number formats."""


@dataclass(frozen=True, slots=True)
class Commit:
    """A committed checkpoint: optimiser steps done, examples consumed, its layout, and its files with size and SHA-256."""

    step: int
    consumed: int
    layout: Layout
    files: Mapping[str, tuple[int, str]]


def digests(directory: Path, part: int = 0, parts: int = 1) -> dict[str, tuple[int, str]]:
    """Bytes and SHA-256 of the files of a directory by relative name; of each ``parts``-th of them, beginning with ``part``.

    They are synced to the disk first, with the directories that they are in.
    """
    files = sorted(path for path in directory.rglob("*") if path.is_file() and path.name != COMMIT)[part::parts]
    for path in (*files, *{file.parent for file in files}):
        _sync(path)
    with ThreadPoolExecutor(READERS) as readers:
        hashed = list(readers.map(_digest, files))
    return {
        str(path.relative_to(directory)): (path.stat().st_size, digest)
        for path, digest in zip(files, hashed, strict=True)
    }


def commit(directory: Path, made: Commit) -> None:
    """Declare a checkpoint complete: from here on it may be loaded."""
    partial = directory / f".{COMMIT}"
    with partial.open("w", encoding="utf-8") as file:
        json.dump(asdict(made), file, indent=2, sort_keys=True)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(directory / COMMIT)
    _sync(directory)
    _sync(directory.parent)


def newest(root: Path) -> tuple[Path, Commit] | None:
    """The committed checkpoint with the most steps whose files are what its manifest says; None where there is none."""
    for directory in _by_step(root):
        made = read(directory)
        if made is not None and digests(directory) == made.files:
            return directory, made
    return None


def read(directory: Path) -> Commit | None:
    """The manifest of a checkpoint, its files not looked at; None where it is not committed."""
    try:
        said = json.loads((directory / COMMIT).read_text(encoding="utf-8"))
        files = {str(name): (int(size), str(digest)) for name, (size, digest) in said["files"].items()}
        return Commit(int(said["step"]), int(said["consumed"]), dict(said["layout"]), files)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def keep_only(root: Path, kept: Iterable[Path]) -> None:
    """Remove all other checkpoints: the manifest first, so that half a checkpoint is never one."""
    spared = set(kept)
    for directory in _by_step(root):
        if directory not in spared:
            (directory / COMMIT).unlink(missing_ok=True)
            shutil.rmtree(directory, ignore_errors=True)


def make_room(root: Path, kept: int) -> None:
    """Keep the newest so many of the committed checkpoints, without reading their files, and what is not committed yet."""
    committed = [directory for directory in _by_step(root) if (directory / COMMIT).is_file()]
    keep_only(root, set(_by_step(root)) - set(committed[kept:]))


def size(root: Path) -> int:
    """Bytes of all checkpoints."""
    return sum(path.stat().st_size for one in _by_step(root) for path in one.rglob("*") if path.is_file())


def _by_step(root: Path) -> list[Path]:
    """The directories that are named as checkpoints are, the newest first."""
    found = [path for path in root.glob(f"{PREFIX}*") if path.is_dir() and path.name.removeprefix(PREFIX).isdecimal()]
    return sorted(found, key=lambda path: int(path.name.removeprefix(PREFIX)), reverse=True)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
