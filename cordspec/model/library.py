"""The files that a spec is made of: which may be read, and how many.

A spec may come from a stranger. What it names is read only if it is a ``.cord`` file inside the project, so that no
import prints the lines of another file as an excerpt; and everything is counted before it is read.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from cordspec.diagnostics import Diagnostic, Source, Span
from cordspec.extension.checkout import project_root
from cordspec.syntax.nodes import Text
from cordspec.syntax.parser import LARGEST_FILE

MOST_FILES: Final = 64
DEEPEST: Final = 8
"""Files that lead to each other."""
LARGEST_SPEC: Final = 2 * 1024 * 1024
"""Bytes of all files together."""
FOREIGN = re.compile(r"^[~/]|\\|^[A-Za-z]:|^[a-z]+://", re.ASCII)


class Unreadable(Exception):
    """A file that a spec names and that is not read; carries the diagnostic."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic.message)
        self.diagnostic = diagnostic


class Library:
    """Reads the files of one spec, each once.

    Args:
        recorded: the texts by the names of their files as a run noted them; nothing is read from the disk then.
    """

    def __init__(self, main: Source, recorded: Mapping[str, str] | None = None) -> None:
        self.sources = [main]
        self._recorded = (
            None if recorded is None else {Path(name).resolve(): Source(name, text) for name, text in recorded.items()}
        )
        self._here = Path(main.name).parent
        self._root = project_root(self._here)
        self._known: dict[Path, Source] = {}
        self._chain = [Path(main.name).resolve()]
        self._size = len(main.text)

    def open(self, path: Text) -> Source:
        """The source that a path names, relative to the file in which it stands.

        Raises:
            Unreadable: it is not allowed, not there, or too much.
        """
        if "\x00" in path.value:
            raise _refused("E006", "a path cannot hold a NUL character", path.span, "this is not a path")
        if FOREIGN.search(path.value):
            raise _refused("E107", "a path in a spec is relative to it", path.span, "write a relative path with `/`")
        if not path.value.endswith(".cord"):
            raise _refused("E107", "only .cord files are read", path.span, "give a path that ends in .cord")
        target = Path(path.span.source.name).parent / path.value
        real = self._found(target, path) if self._recorded is None else target.resolve()
        if real in self._chain:
            raise _refused("E105", f"`{path.value}` refers back to itself", path.span, "this closes a circle")
        if real not in self._known:
            self._known[real] = self._read(real, target, path)
        return self._known[real]

    @contextmanager
    def inside(self, source: Source) -> Iterator[None]:
        """While the files that this one names are read."""
        self._chain.append(Path(source.name).resolve())
        yield
        self._chain.pop()

    def _found(self, target: Path, path: Text) -> Path:
        try:
            real = target.resolve(strict=True)
        except (OSError, ValueError, RuntimeError) as error:
            message = f"cannot read `{path.value}`: {why_unreadable(error)}"
            raise _refused("E106", message, path.span, f"looked for {target}") from error
        if not real.is_relative_to(self._root):
            raise _refused("E107", f"`{path.value}` leads out of the project", path.span, "keep it inside the project")
        return real

    def _read(self, real: Path, target: Path, path: Text) -> Source:
        if len(self.sources) >= MOST_FILES or len(self._chain) > DEEPEST:
            message = f"a spec is made of at most {MOST_FILES} files, {DEEPEST} deep"
            raise _refused("E404", message, path.span, "one too many")
        if self._recorded is not None:
            source = self._recorded.get(real)
            if source is None:
                raise _refused("E106", f"the run has no text of `{path.value}`", path.span, f"looked for {target}")
            self.sources.append(source)
            return source
        try:
            self._size += real.stat().st_size
            if self._size > LARGEST_SPEC:
                message = f"the files of the spec have more than {LARGEST_SPEC:,} bytes together"
                raise _refused("E401", message, path.span, "one too many")
            text = read_text(real)
        except (OSError, ValueError) as error:
            message = f"cannot read `{path.value}`: {why_unreadable(error)}"
            raise _refused("E106", message, path.span, f"looked for {target}") from error
        source = Source(str(target), text)
        self.sources.append(source)
        return source


def read_text(path: Path) -> str:
    """The text of a regular file, and never more of it than a spec may have.

    Raises:
        OSError: it cannot be read, or is no regular file.
        ValueError: it is not UTF-8 text.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise ValueError("not a regular file")
    with path.open("rb") as file:
        data = file.read(4 * LARGEST_FILE + 1)
    return data.decode("utf-8", errors="strict" if len(data) <= 4 * LARGEST_FILE else "ignore")


def why_unreadable(error: Exception) -> str:
    """In plain words, why a file could not be read as text."""
    if isinstance(error, UnicodeDecodeError):
        return "not UTF-8 text"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error) if isinstance(error, ValueError) and "\x00" not in str(error) else "no usable path"


def _refused(code: str, message: str, span: Span, label: str) -> Unreadable:
    return Unreadable(Diagnostic(code, message, span, label))
