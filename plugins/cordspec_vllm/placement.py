"""Which GPUs a started server gets: the next free ones that this process may use."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import lru_cache

from cordspec.plugin import Unavailable


@lru_cache(maxsize=1)
def visible() -> tuple[str, ...]:
    """The GPUs that this process may use, by index or name; none where there is no driver."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        return tuple(one.strip() for one in named.split(",") if one.strip() and one.strip() != "-1")
    program = shutil.which("nvidia-smi")
    if program is None:
        return ()
    try:
        listed = subprocess.run([program, "--list-gpus"], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):  # a driver that does not answer is none
        return ()
    return tuple(str(at) for at, line in enumerate(listed.stdout.splitlines()) if line.startswith("GPU "))


class Placement:
    """The GPUs of this process, handed out and taken back."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def take(self, count: int) -> tuple[str, ...]:
        """So many GPUs that nobody has.

        Raises:
            Unavailable: there are not so many.
        """
        free = [one for one in visible() if one not in self._taken]
        if len(free) < count:
            message = f"{count} GPUs are needed for a vLLM server, {len(free)} of {len(visible())} here are free"
            raise Unavailable(
                message, "give it fewer (`gpus`), run fewer models at a time, or name servers by `service`"
            )
        self._taken.update(free[:count])
        return tuple(free[:count])

    def give_back(self, gpus: tuple[str, ...]) -> None:
        """Free GPUs again."""
        self._taken.difference_update(gpus)


PLACEMENT = Placement()
