"""`cordspec completion SHELL`: a completion script; `eval "$(cordspec completion bash)"` turns it on."""

from __future__ import annotations

import argparse


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("shell", choices=("bash", "zsh", "tcsh"), help="for which shell")


def command(options: argparse.Namespace) -> int:
    """Print the script."""
    import shtab

    from cordspec.cli.main import parser

    print(shtab.complete(parser(), options.shell))
    return 0
