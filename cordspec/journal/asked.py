"""What engines are being asked now: keys beside the journal, written before each request and not synced.

After a kill, what was asked and is not answered was under way. It is asked again, and an engine that does not repeat may then
say something else: the manifest tells how often that was so. After a power cut the list may be short.
"""

from __future__ import annotations

import os
from pathlib import Path

from cordspec.journal.keys import KEY_BYTES


class Asked:
    """The keys of one journal's requests. ``found`` is what an earlier process left, without order or repetition."""

    def __init__(self, path: Path) -> None:
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        data = path.read_bytes()
        whole = len(data) // KEY_BYTES * KEY_BYTES
        self.found = frozenset(data[at : at + KEY_BYTES] for at in range(0, whole, KEY_BYTES))

    def add(self, key: bytes) -> None:
        """An engine is going to be asked."""
        os.write(self._handle, key)

    def clear(self) -> None:
        """Nothing is under way."""
        os.ftruncate(self._handle, 0)

    def close(self) -> None:
        os.close(self._handle)
