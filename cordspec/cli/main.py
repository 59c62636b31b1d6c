"""Arguments to commands, errors to exit codes."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence

from cordspec import __version__
from cordspec.cli import report, run, validate
from cordspec.diagnostics import Diagnostic, render
from cordspec.errors import CordspecError

INTERNAL_ERROR = 70
COMMANDS = (run, validate, report)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="cordspec", description="Step-level collaborative decoding from one spec.")
    parser.add_argument("--version", action="version", version=f"cordspec {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.register(commands)
    options = parser.parse_args(arguments)
    try:
        return int(options.command(options))
    except CordspecError as error:
        print(render(error.diagnostics, "text"), file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("stopped; give the same command again to go on", file=sys.stderr)
        return 128 + signal.SIGINT
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except Exception as error:
        if os.environ.get("CORDSPEC_DEBUG"):
            raise
        said = f"{type(error).__name__}: {error}"
        help = "this is a bug in cordspec; please report it with the output under CORDSPEC_DEBUG=1"
        print(render([Diagnostic("E901", f"internal error: {said}", help=help)], "text"), file=sys.stderr)
        return INTERNAL_ERROR
