"""cordspec with the worker of `bent_worker.py`; ``SELF`` in ``BENT`` is this process. Runs as a program."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from cordspec.cli.main import main
from cordspec_train import launching

os.environ["BENT"] = os.environ["BENT"].replace("SELF", str(os.getpid()))
straight = launching.command


def bent(assignment: object) -> list[str]:
    """The same call, of another program."""
    told = straight(assignment)
    return [*told[:-3], str(Path(__file__).with_name("bent_worker.py")), told[-1]]


launching.command = bent
if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
