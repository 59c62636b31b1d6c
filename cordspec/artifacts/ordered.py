"""A file of parts that come in any order and stand in theirs: nothing is kept in memory but where each part lies."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import Self

from cordspec.faultpoints import faultpoint


class OrderedFile:
    """Text parts by their place, from 0 without gaps. The file is there, whole and on disk, when this is closed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._heap_path = path.with_name(f".{path.name}.parts")
        self._heap = self._heap_path.open("w+b")
        self._places: dict[int, tuple[int, int]] = {}

    def put(self, place: int, text: str) -> None:
        """The part at a place."""
        content = text.encode()
        self._places[place] = (self._heap.tell(), len(content))
        self._heap.write(content)
        faultpoint("ordered.part")

    def close(self) -> None:
        """Put the parts in order.

        Raises:
            ValueError: a part is missing.
        """
        if sorted(self._places) != list(range(len(self._places))):
            raise ValueError(f"parts of {self._path.name} are missing")
        with self._path.open("wb") as file:
            for _, (first, length) in sorted(self._places.items()):
                self._heap.seek(first)
                file.write(self._heap.read(length))
                faultpoint("ordered.copied")
            file.flush()
            os.fsync(file.fileno())
        faultpoint("ordered.whole")
        self.forget()

    def forget(self) -> None:
        """Drop the parts, in order or not."""
        self._heap.close()
        self._heap_path.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.forget()
