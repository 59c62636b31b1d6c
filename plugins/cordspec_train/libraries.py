"""Libraries of training, imported so that the run's own output stays its own."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from importlib.util import find_spec


def import_trainers() -> None:
    """Import TRL and, where it is installed, DeepSpeed, which TRL would import.

    DeepSpeed's logger writes to what standard output is when it is imported; with ``--display json`` a program reads that.
    The bars of transformers, for weights that are read and written, would be lines of noise in the display.

    Raises:
        ImportError: TRL is not here.
    """
    with redirect_stdout(sys.stderr):
        import trl  # noqa: F401
        from transformers.utils import logging

        if find_spec("deepspeed") is not None:
            import deepspeed  # noqa: F401
    logging.disable_progress_bar()
