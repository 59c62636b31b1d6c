"""Runs a command and ends it when standard input closes: the kernel closes it whatever ends the process behind it.

``python -m cordspec_serving.keeper COMMAND ...``. The command and all that it starts are in the keeper's process group.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

GRACE = 10.0


def main(command: list[str]) -> int:
    """The command's exit status, or that of its end by a signal."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    alone = threading.Event()
    watch = threading.Thread(target=_end_when_left_alone, args=(process, alone), daemon=True)
    watch.start()
    status = process.wait()
    if alone.is_set():
        watch.join()  # it ends what the command left behind, and this process too
    return abs(status)


def _end_when_left_alone(process: subprocess.Popen[bytes], alone: threading.Event) -> None:
    while os.read(sys.stdin.fileno(), 4096):
        pass
    alone.set()
    process.terminate()
    deadline = time.monotonic() + GRACE
    while process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.1)
    os.killpg(os.getpgrp(), signal.SIGKILL)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
