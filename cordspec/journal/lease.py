"""One process a run: a lock that ends with its process, and in the locked file who holds it, for whoever comes second."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import time
from dataclasses import asdict
from pathlib import Path
from typing import Final

from cordspec.processes import Process, this_process

LEASE: Final = "run.lock"
_WITHOUT_LOCKS = {errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS}
"""What a file system answers that has no locks. SQLite's own are then all there is."""
_DYING_SECONDS: Final = 10.0
"""How long the lock may outlive its process: until the system has taken its memory back, and until a program that it was
just starting, whose process is for a moment a copy of it, has begun."""
_LOOK_SECONDS: Final = 0.02


class Lease:
    """The lock of a run directory, held until it is closed or the process ends, however it ends.

    A lock that a dead process has left behind is waited for.

    Raises:
        BlockingIOError: another process holds it.
    """

    def __init__(self, directory: Path) -> None:
        self._handle = os.open(directory / LEASE, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            self._take(directory)
        except OSError as error:
            if error.errno not in _WITHOUT_LOCKS:
                os.close(self._handle)
                raise
        told = json.dumps(asdict(this_process()), sort_keys=True) + "\n"
        os.ftruncate(self._handle, 0)
        os.pwrite(self._handle, told.encode(), 0)

    def _take(self, directory: Path) -> None:
        until = time.monotonic() + _DYING_SECONDS
        while True:
            try:
                fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                named = holder(directory)
                if named is None or named.alive is not False or time.monotonic() > until:
                    raise
            time.sleep(_LOOK_SECONDS)

    def close(self) -> None:
        os.ftruncate(self._handle, 0)
        os.close(self._handle)


def holder(directory: Path) -> Process | None:
    """Who is named in the lease of a run; a process that was killed stays named."""
    try:
        raw = json.loads((directory / LEASE).read_text(encoding="utf-8"))
        return Process(str(raw["host"]), int(raw["pid"]), str(raw["boot"]), str(raw["started"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
