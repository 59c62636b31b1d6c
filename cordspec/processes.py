"""Which process it is, on which machine, since which start of it: process numbers come again. What another one is given."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")
_STARTED: Final = 19
"""Where, behind the name of the program, `/proc/PID/stat` holds the time of its start."""
_HARMLESS: Final = ("PATH", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "SYSTEMROOT")


@dataclass(frozen=True, slots=True)
class Process:
    """A process. ``boot`` and ``started`` are empty where the system does not tell them."""

    host: str
    pid: int
    boot: str
    started: str

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"

    @property
    def alive(self) -> bool | None:
        """Whether it lives; None where that cannot be said from here, because it is on another machine."""
        if self.host != socket.gethostname():
            return None
        if self.boot != _read(_BOOT):
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            pass
        return not self.started or self.started == _started(self.pid)


def this_process() -> Process:
    """The process that asks."""
    return Process(socket.gethostname(), os.getpid(), _read(_BOOT), _started(os.getpid()))


def keyless_environment(*more: str) -> dict[str, str]:
    """The environment for a process that is not to be trusted with keys: what Python needs to start, and ``more``."""
    kept = (*_HARMLESS, *more)
    return {name: value for name, value in os.environ.items() if name in kept or name.startswith("PYTHON")}


def _started(pid: int) -> str:
    _, _, behind = _read(Path(f"/proc/{pid}/stat")).rpartition(")")
    fields = behind.split()
    if len(fields) <= _STARTED or fields[0] == "Z":  # a zombie runs no more
        return ""
    return fields[_STARTED]


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return ""
