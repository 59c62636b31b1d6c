"""trackio, in a process of its own: it keeps its place in a global, prints, and asks the hub who one is."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar, Final

from cordspec.plugin import Component, RunEnd, TrackedRun, Tracker, Unavailable, hookimpl, keyless_environment

WRITING_SECONDS: Final = 25.0
"""How long it may take at the end for what it has not written yet."""


class Trackio(Tracker):
    """Writes trackio's own files into `tracking/trackio`; no dashboard, no space, no network."""

    name: ClassVar[str] = "trackio"

    def begin(self, run: TrackedRun) -> None:
        if find_spec("trackio") is None:
            raise Unavailable("it needs the package trackio", 'pip install "cordspec[track]"')
        place = run.directory / "trackio"
        place.mkdir(mode=0o700, exist_ok=True)
        self._log = place / "worker.log"
        with self._log.open("a") as log:
            # a session of its own: Ctrl-C is for the run, which then ends this one
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "cordspec_track.trackio_worker", run.experiment, run.variant],
                stdin=subprocess.PIPE, stdout=log, stderr=log, text=True, start_new_session=True, env=_environment(place),
            )  # fmt: skip

    def log(self, stage: str, step: int, values: Mapping[str, float]) -> None:
        assert self._process.stdin is not None
        named = {f"{stage}/{name}": value for name, value in values.items()}
        try:
            self._process.stdin.write(json.dumps({"step": step, "values": named}) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError as error:
            raise RuntimeError(f"its process ended; {self._log} says why") from error

    def end(self, status: RunEnd) -> None:
        try:
            self._process.communicate(timeout=WRITING_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
        if self._process.returncode:
            raise RuntimeError(f"its process ended with {self._process.returncode}; {self._log} says why")


def _environment(place: Path) -> dict[str, str]:
    """No key, no token, no address of a space or a server: nothing that makes trackio talk to anybody."""
    here = str(place.resolve())
    return {**keyless_environment(), "TRACKIO_DIR": here, "HF_HOME": here, "HF_HUB_OFFLINE": "1"}


@hookimpl
def cordspec_components() -> Iterable[type[Component]]:
    yield Trackio
