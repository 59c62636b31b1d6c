"""Checking a stranger's spec in a process that has little time and memory, writes no file and reaches no network."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from typing import Final

from cordspec.diagnostics import Diagnostic, render

SECONDS: Final = 5
BYTES: Final = 512 * 1024 * 1024
FORBIDDEN: Final = ("socket.", "subprocess.", "os.exec", "os.fork", "os.posix_spawn", "os.system", "ctypes.")
"""Events of the interpreter that checking a spec never causes; each of them ends the process."""


def validate_confined(options: argparse.Namespace) -> int:
    """Run `validate` with these options in a confined child; its output and exit code, or 1 where it was stopped."""
    given = ["validate", "--format", options.format, *options.paths]
    for assignment in options.set:
        given += ["--set", assignment]
    code = "import sys; from cordspec.cli.confined import confine; confine(); "
    code += "from cordspec.cli.main import main; sys.exit(main(sys.argv[1:]))"
    environment = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TERM") if name in os.environ}
    done = subprocess.run([sys.executable, "-I", "-B", "-c", code, *given], env=environment, check=False)
    if done.returncode >= 0:
        return done.returncode
    message = f"checking was stopped: it may take {SECONDS} s and {BYTES >> 20} MiB, write nothing and call nobody"
    print(render([Diagnostic("E504", message)], options.format))
    return 1


def confine() -> None:
    """Put limits on this process that it cannot lift. Called before anything of a spec is read."""
    import resource

    for what, most in (
        (resource.RLIMIT_CPU, SECONDS), (resource.RLIMIT_AS, BYTES), (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):  # fmt: skip
        resource.setrlimit(what, (most, most))
    sys.addaudithook(_stop)


def _stop(event: str, arguments: tuple[object, ...]) -> None:
    writes = event == "open" and isinstance(arguments[1], str) and any(sign in arguments[1] for sign in "wax+")
    if event.startswith(FORBIDDEN) or writes:
        os.abort()
