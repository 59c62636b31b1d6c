"""Specs on the command line: which files the given paths mean, reading them, and replacing them in one step."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from cordspec.diagnostics import Diagnostic, Source
from cordspec.errors import UsageError

STANDARD_INPUT: Final = "-"


def spec_files(paths: Sequence[str]) -> list[str]:
    """The files that the paths mean, each once, however many paths lead to it; a directory stands for the specs in it.

    Raises:
        UsageError: a directory holds no spec.
    """
    found: dict[str, str] = {}
    for given in paths:
        inside = [given]
        if given != STANDARD_INPUT and _is_directory(given):
            inside = list(_below(given))
            if not inside:
                raise UsageError(Diagnostic("E106", f"no .cord file in {given}", help="give a spec or its directory"))
        for one in inside:
            found.setdefault(one if one == STANDARD_INPUT else os.path.realpath(one), one)
    return list(found.values())


def read_spec(given: str) -> Source:
    """The text of a spec, with its line ends as they are.

    Raises:
        UsageError: it cannot be read.
    """
    if given != STANDARD_INPUT:
        from cordspec import api

        return api.read(Path(given))
    from cordspec.syntax.parser import LARGEST_FILE

    data = sys.stdin.buffer.read(4 * LARGEST_FILE + 1)
    try:
        return Source("<stdin>", data.decode("utf-8", errors="strict" if len(data) <= 4 * LARGEST_FILE else "ignore"))
    except UnicodeDecodeError as error:
        message = "standard input is not UTF-8 text"
        raise UsageError(Diagnostic("E106", message, help="give the path of a .cord file")) from error


def replace_text(path: Path, text: str) -> None:
    """Replace a file by a new one in one step; a link goes on leading to it, and its permissions stay.

    Raises:
        UsageError: it cannot be written; it is as it was.
    """
    real = Path(os.path.realpath(path))
    try:
        if not real.is_file():
            raise ValueError("not a regular file")
        if not os.access(real, os.W_OK):
            raise ValueError("the file is read-only")
        handle, beside = tempfile.mkstemp(prefix=".cordspec-", dir=real.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(text.encode("utf-8"))
                file.flush()
                os.fsync(file.fileno())
            shutil.copymode(real, beside)
            Path(beside).replace(real)
        finally:
            Path(beside).unlink(missing_ok=True)
    except (OSError, ValueError) as error:
        from cordspec.model.library import why_unreadable

        raise UsageError(Diagnostic("E106", f"cannot write {path}: {why_unreadable(error)}")) from error


def _is_directory(path: str) -> bool:
    try:
        return Path(path).is_dir()
    except OSError:  # such as a name that is too long; reading it will say so
        return False


def _below(directory: str) -> Iterator[str]:
    """The specs in a directory. Hidden directories, such as a virtual environment, are not searched."""
    for here, directories, names in os.walk(directory):
        directories[:] = sorted(name for name in directories if not name.startswith("."))
        yield from (str(Path(here, name)) for name in sorted(names) if name.endswith(".cord"))
