"""Server-sent events, as far as servers of models send them: one line of data each, and a last one that says so."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from cordspec.plugin import Unavailable

DONE: Final = b"[DONE]"
FIELD: Final = b"data:"


class Events:
    """Cuts a stream into the data of its events; lines of other fields and comments are left out.

    Args:
        most: bytes that may come in all.
    """

    def __init__(self, most: int, name: str) -> None:
        self._most, self._name = most, name
        self._read = 0
        self._rest = b""

    def of(self, chunk: bytes) -> Iterator[bytes]:
        """The events that are complete with this piece of the stream.

        Raises:
            Unavailable: more came than may.
        """
        self._read += len(chunk)
        if self._read > self._most:
            raise Unavailable(f"{self._name} sends an answer of more than {self._most >> 20} MiB")
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        for line in lines:
            if line.startswith(FIELD):
                yield line.removeprefix(FIELD).strip()
