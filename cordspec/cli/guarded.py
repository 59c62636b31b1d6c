"""What a command prints passes here: no text of a spec, a problem, a model or a server can act on a terminal or a CI runner.

Every command prints to `sys.stdout` and `sys.stderr`, and `main` puts this in front of both, so that a new command is safe
before anybody thinks of it. Exempt are three that write to the stream below on purpose: the live display, which clears its
texts itself, the bytes of `fmt`, and the annotations of `validate --format github`, which are escaped where they are made.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, TextIO, cast

from cordspec.diagnostics.render import ACTING

_COMMAND: Final = re.compile(r"^\s*::", re.MULTILINE)
_LEGACY: Final = re.compile(r"##(?=\[|vso\[)")


def cleared(text: str) -> str:
    """The text with whatever acts as escapes that JSON reads as the same character; line ends and tabs stay."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escape(one) if _acts(one) else one for one in text)


def _acts(character: str) -> bool:
    return character not in "\n\t" and unicodedata.category(character) in ACTING


def _escape(character: str) -> str:
    code = ord(character)
    if code < 0x10000:
        return f"\\u{code:04x}"
    high, low = divmod(code - 0x10000, 0x400)
    return f"\\u{0xD800 + high:04x}\\u{0xDC00 + low:04x}"


class Guarded:
    """A text stream in front of another one. Everything but `write` is the other's."""

    def __init__(self, stream: TextIO) -> None:
        self.below = stream
        self._begun = ""
        """Blanks and colons with which the line under way begins: two colons would make it a runner's command."""
        self._open = True
        """Whether the line under way may still become one."""

    def write(self, text: str) -> int:
        """Clear a text and pass it on."""
        self.below.write(self._without_commands(cleared(text)))
        return len(text)

    def writelines(self, lines: Iterator[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.below, name)

    def _without_commands(self, text: str) -> str:
        """No line of it is a command to a CI runner: `| ` stands before what would be one, whatever pieces it comes in."""
        first, *rest = _LEGACY.sub("#\\\\u0023", text).split("\n")
        lines = [self._continued(first)]
        for line in rest:
            self._begun, self._open = "", True
            lines.append(self._continued(line))
        return "\n".join(lines)

    def _continued(self, piece: str) -> str:
        if not self._open or not piece:
            return piece
        line = self._begun + piece
        if _COMMAND.match(line):
            self._open = False
            return f"| {piece}"
        self._begun, self._open = line, not line.strip().strip(":")
        return piece


@contextmanager
def guarded() -> Iterator[None]:
    """Standard output and error, guarded until the block ends."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (cast(TextIO, Guarded(unguarded(stream))) for stream in before)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def unguarded(stream: TextIO) -> TextIO:
    """The stream below, for what is made to act and clears its data itself."""
    return stream.below if isinstance(stream, Guarded) else stream
