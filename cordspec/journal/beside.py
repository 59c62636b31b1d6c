"""The small files beside a journal: its lease, its mark and the list of what is being asked."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from cordspec.journal.asked import Asked
from cordspec.journal.lease import Lease
from cordspec.journal.mark import Mark

MARK: Final = "run.mark"
ASKED: Final = "asked.log"


class Beside:
    """The files beside one journal, which this process holds.

    Raises:
        BlockingIOError: another process holds them.
        OSError: they cannot be written.
    """

    def __init__(self, directory: Path) -> None:
        self._lease = Lease(directory)
        self.mark = Mark(directory / MARK)
        self.asked = Asked(directory / ASKED)

    def close(self) -> None:
        self.asked.close()
        self.mark.close()
        self._lease.close()
