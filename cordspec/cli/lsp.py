"""`cordspec lsp`: the language server, over standard input and output. Editors start it."""

from __future__ import annotations

import argparse
import gc

from cordspec.diagnostics import Diagnostic
from cordspec.errors import PreflightError


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes: nothing."""


def command(options: argparse.Namespace) -> int:
    """Serve until the editor says goodbye.

    Raises:
        PreflightError: the library of the protocol is not installed.
    """
    try:
        from cordspec.editor.server import serve
    except ImportError as error:
        message = f"the language server needs {error.name}"
        raise PreflightError(Diagnostic("E601", message, help='pip install "cordspec[lsp]"')) from error
    gc.enable()  # it runs for hours
    serve()
    return 0
