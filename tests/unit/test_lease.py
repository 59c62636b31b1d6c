"""The lock of a run directory and the death of who holds it, with real processes."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from cordspec.journal import lease
from cordspec.journal.lease import Lease

HOLDING = """
import os, sys, time
from pathlib import Path
from cordspec.journal.lease import Lease
held = Lease(Path(sys.argv[1]))
if os.fork() == 0:  # as a program that is being started, before it has begun
    os.close(1)
    time.sleep(float(sys.argv[2]))
    os._exit(0)
print("held", flush=True)
time.sleep(60)
"""


def _killed_while_starting_a_program(directory: Path, seconds: float) -> None:
    """A process that holds the lock and dies while a copy of it lives on for a while."""
    command = [sys.executable, "-c", HOLDING, str(directory), str(seconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "held\n"
        process.kill()


def test_a_lock_that_outlives_its_process_is_waited_for(tmp_path: Path) -> None:
    _killed_while_starting_a_program(tmp_path, 1.0)
    Lease(tmp_path).close()


def test_it_is_not_waited_for_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "_DYING_SECONDS", 0.2)
    _killed_while_starting_a_program(tmp_path, 3.0)
    with pytest.raises(BlockingIOError):
        Lease(tmp_path)


def test_a_living_process_is_not_waited_for(tmp_path: Path) -> None:
    held = Lease(tmp_path)
    begin = time.monotonic()
    with pytest.raises(BlockingIOError):
        Lease(tmp_path)
    assert time.monotonic() - begin < lease._DYING_SECONDS / 2
    held.close()
