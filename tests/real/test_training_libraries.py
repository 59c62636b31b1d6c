"""What the libraries of training say of themselves, in a process of its own."""

from __future__ import annotations

import subprocess
import sys

ASKED = """
from cordspec_train.libraries import import_trainers
import_trainers()
from transformers.utils import logging
print(logging.is_progress_bar_enabled())
"""


def test_they_write_nothing_to_standard_output_and_draw_no_bars() -> None:
    done = subprocess.run([sys.executable, "-c", ASKED], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
