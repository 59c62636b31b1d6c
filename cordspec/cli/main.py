"""Arguments to commands, errors to exit codes. A command's module is imported only when it is the one asked for."""

from __future__ import annotations

import argparse
import gc
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from typing import Final

from cordspec.cli.guarded import guarded
from cordspec.diagnostics import Diagnostic, render
from cordspec.errors import CordspecError, Interrupted

INTERNAL_ERROR: Final = 70
COMMANDS: Final = {
    "run": "run a spec, or what is left of it",
    "validate": "check specs: everything that is wrong with them, at once",
    "plan": "what a run would do and cost",
    "decontaminate": "which training rows stand in the sets that students are measured on",
    "why-rerun": "what a run would use again of a run directory, what it would make again, and why",
    "status": "how far a run is, and whether it is alive",
    "probe": "what a few problems tell before a run: sharpness, lengths, costs, who wins",
    "show": "the spec in one file, with every value and where it comes from",
    "schema": "JSON Schema of a component, or of a whole spec",
    "graph": "the stages and what each is made from",
    "fmt": "write specs in the canonical layout",
    "lock": "pin weights, data and plugins",
    "init": "a first spec, with checks for pre-commit and CI",
    "lsp": "the language server, which editors start",
    "doctor": "what is installed here, and whether a spec could run",
    "completion": "a completion script for a shell",
    "explain": "what a diagnostic code means",
    "report": "report on a run",
    "replay": "decide a finished run again from its stored candidates",
    "regrade": "grade a run's predictions again, and where graders disagree",
    "compare": "two evaluations, paired over problems",
    "lm-eval": "a run's model on tasks of lm-evaluation-harness",
    "export": "training data from a run",
    "stats": "costs, hit rates, lengths and scores of a decode",
    "tree": "the search trees of a decode",
    "journal": "check a run's journal and stages, save what can be saved, list the rows",
}
"""Every command with its line of help; its module in this package has the same name, with `_` for `-`."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    with guarded():
        return _run(arguments)


def _run(arguments: Sequence[str] | None) -> int:
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # they would be imported from any installed package
    gc.disable()  # importing makes many objects that stay; what runs for long turns it on again
    given = list(sys.argv[1:] if arguments is None else arguments)
    options = parser(next((word for word in given if word in COMMANDS), "")).parse_args(given)
    try:
        return int(options.command(options))
    except CordspecError as error:
        print(render(error.diagnostics, "text"), file=sys.stderr)
        return error.exit_code
    except Interrupted as stop:
        print(stop, file=sys.stderr)
        return 128 + stop.signal
    except KeyboardInterrupt:
        print("stopped; give the same command again to go on", file=sys.stderr)
        return 128 + signal.SIGINT
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except Exception as error:
        if os.environ.get("CORDSPEC_DEBUG"):
            traceback.print_exc()  # here, so that it passes the guard; it shows no values of variables
            return INTERNAL_ERROR
        said = f"{type(error).__name__}: {error}"
        help = "this is a bug in cordspec; please report it with the output under CORDSPEC_DEBUG=1"
        print(render([Diagnostic("E901", f"internal error: {said}", help=help)], "text"), file=sys.stderr)
        return INTERNAL_ERROR


def parser(wanted: str = "") -> argparse.ArgumentParser:
    """The parser of the command line, with the arguments of the command that is wanted, or of all of them."""
    top = argparse.ArgumentParser(prog="cordspec", description="Step-level collaborative decoding from one spec.")
    top.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")
    commands = top.add_subparsers(metavar="COMMAND", required=True)
    for name, help in COMMANDS.items():
        one = commands.add_parser(name, help=help)
        if wanted in ("", name):
            module = import_module(f"cordspec.cli.{name.replace('-', '_')}")
            one.description = module.__doc__
            module.arguments(one)
            one.set_defaults(command=module.command)
    return top


class _Version(argparse.Action):
    """Prints the version, which is looked up only when it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from cordspec import __version__

        print(f"cordspec {__version__}")
        parser.exit()
