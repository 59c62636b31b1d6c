"""Checking a stranger's spec in a process that has little time and memory, writes no file and reaches no network."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from typing import Final

from cordspec.cli.guarded import unguarded
from cordspec.diagnostics import Diagnostic, render
from cordspec.extension.policy import VARIABLE

SECONDS: Final = 5
WRITING: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
BYTES: Final = 512 * 1024 * 1024
FORBIDDEN: Final = (
    "socket.", "subprocess.", "ctypes.", "os.exec", "os.fork", "os.posix_spawn", "os.system", "os.remove", "os.mkdir",
    "os.rename", "os.rmdir", "os.truncate", "os.link", "os.symlink", "os.chmod",
)  # fmt: skip
"""Events of the interpreter that checking a spec never causes; each of them ends the process."""


def validate_confined(options: argparse.Namespace) -> int:
    """Run `validate` with these options in a confined child; its output and exit code, or 1 where it was stopped."""
    given = ["validate", "--format", options.format]
    for assignment in options.set:
        given += ["--set", assignment]
    given += ["--", *options.paths]
    code = "import sys; from cordspec.cli.confined import confine; confine(); "
    code += "from cordspec.cli.main import main; sys.exit(main(sys.argv[1:]))"
    kept = ("PATH", "HOME", "LANG", "TERM", VARIABLE)
    environment = {name: os.environ[name] for name in kept if name in os.environ}
    command = [sys.executable, "-I", "-B", "-c", code, *given]
    done = subprocess.run(command, env=environment, check=False, capture_output=True)
    if done.returncode in (0, 1, 2):
        # annotations are commands to a runner; the child's own guard lets no others through
        out = unguarded(sys.stdout) if options.format == "github" else sys.stdout
        out.write(done.stdout.decode("utf-8", "replace"))
        sys.stderr.write(done.stderr.decode("utf-8", "replace"))
        return done.returncode
    message = f"checking was stopped: it may take {SECONDS} s and {BYTES >> 20} MiB, write nothing and call nobody"
    print(
        render([Diagnostic("E504", message)], options.format),
        file=unguarded(sys.stdout) if options.format == "github" else sys.stdout,
    )
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
    writes = event == "open" and isinstance(arguments[2], int) and bool(arguments[2] & WRITING)
    if event.startswith(FORBIDDEN) or writes:
        os.abort()
