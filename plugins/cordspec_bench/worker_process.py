"""A grader's end of a `forked_worker`: asks it, and starts another one when it is gone."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import IO, Any, Final

from cordspec.plugin import Unavailable, keyless_environment

START_SECONDS: Final = 60.0
GRACE_SECONDS: Final = 2.0
"""How long after its limit the worker may take to say that an answer was stopped, before it is stopped itself."""


class Failed(Exception):
    """No answer: it took too long or too much memory, or its process was ended."""


class WorkerProcess:
    """One worker, started when it is first asked.

    Args:
        module: what it runs, with its arguments.
        lacking: what is said where it does not start, since something that it needs is not here.
    """

    def __init__(self, module: tuple[str, ...], lacking: Unavailable) -> None:
        self._module = module
        self._lacking = lacking
        self._process: subprocess.Popen[str] | None = None

    def ask(self, request: Mapping[str, object], seconds: float) -> dict[str, Any]:
        """What the worker answers.

        Raises:
            Failed: nobody can tell within the limits.
            Unavailable: what it needs is not here.
        """
        process = self._started()
        assert process.stdin is not None and process.stdout is not None
        line = json.dumps({**request, "seconds": seconds})
        try:
            process.stdin.write(line + "\n")
            process.stdin.flush()
            said = _line(process.stdout, seconds + GRACE_SECONDS)
        except OSError:
            said = ""
        if not said:
            self.close()
            raise Failed(f"the process that compares ended, or said nothing for {seconds:g} s")
        reply: dict[str, Any] = json.loads(said)
        if "failed" in reply:
            raise Failed(reply["failed"])
        return reply

    def _started(self) -> subprocess.Popen[str]:
        if self._process is None:
            # a session of its own: what it forks ends with it; no keys: it parses what models wrote
            self._process = subprocess.Popen(
                [sys.executable, "-m", *self._module], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL, text=True, start_new_session=True, env=keyless_environment("HOME"),
            )  # fmt: skip
            assert self._process.stdout is not None
            if _line(self._process.stdout, START_SECONDS) != "ready":
                self.close()
                raise self._lacking
        return self._process

    def close(self) -> None:
        """End the worker and what it forked."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.communicate()
        self._process = None


def _line(stream: IO[str], seconds: float) -> str:
    """The next line, or an empty text when it does not come in time or never."""
    ready, _, _ = select.select([stream], [], [], seconds)
    return stream.readline().strip() if ready else ""
