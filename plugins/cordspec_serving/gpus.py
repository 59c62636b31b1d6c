"""The GPUs of this machine, without a library that would start using them."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import lru_cache


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
