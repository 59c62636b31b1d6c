"""Libraries that DeepSpeed builds at its first start, and what a process that was killed while building leaves behind.

torch guards a build by a file, for whose disappearance all others wait without end. Nobody removes it for a dead builder.
"""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

YOUNG: Final = 30.0
"""Seconds in which a builder may not have started its compiler yet."""
LOOK: Final = 5.0
PROCESSES: Final = Path("/proc")


def watch_builds() -> None:
    """Release builds whose builder is gone, as long as this process lives. Without ``/proc`` nothing can be seen, or done."""
    if PROCESSES.is_dir():
        threading.Thread(target=_watch, daemon=True).start()


def release_abandoned(root: Path, now: float) -> list[Path]:
    """Remove the guards of builds in which no compiler works, and return them."""
    released = []
    for guard in root.glob("*/*/lock"):
        with suppress(OSError):  # it went away by itself
            if now - guard.stat().st_mtime > YOUNG and not _worked_in(guard.parent):
                guard.unlink()
                released.append(guard)
    return released


def _watch() -> None:
    root = Path(os.environ.get("TORCH_EXTENSIONS_DIR") or Path.home() / ".cache" / "torch_extensions")
    while True:
        release_abandoned(root, time.time())
        time.sleep(LOOK)


def _worked_in(directory: Path) -> bool:
    """Whether some process is in this directory, as a compiler and what starts it are."""
    there = directory.resolve()
    for process in PROCESSES.glob("[0-9]*"):
        with suppress(OSError):  # ended, or somebody else's
            if (process / "cwd").resolve() == there:
                return True
    return False
