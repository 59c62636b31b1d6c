"""Bar 1: the quickstart on two cores, in at most five minutes and three gibibytes, ends in 0 with the whole report."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2_400)]
MOST_SECONDS = 300
MOST_BYTES = 3 * 2**30


def test_the_quickstart_fits_a_laptop(root: Path, tmp_path: Path) -> None:
    begin = time.monotonic()
    command = [sys.executable, "-m", "cordspec", "run", str(root / "specs" / "quickstart.cord"), "--display", "plain"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    printed = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds, peak = time.monotonic() - begin, usage.ru_maxrss * 1024
    print(printed, f"\nquickstart: {seconds:.0f} s, {peak / 2**30:.2f} GiB")
    assert os.waitstatus_to_exitcode(status) == 0
    assert peak <= MOST_BYTES
    assert seconds <= MOST_SECONDS
    report = json.loads((tmp_path / "runs" / "quickstart" / "report.json").read_text())
    assert set(report["evaluations"]) == {"alone_adder", "alone_subtracter", "alone_multiplier", "before", "after"}
    for table in ("Traces", "Evaluations", "Paired comparisons", "Cost", "Teacher share by progress"):
        assert f"## {table}" in printed
    assert all(one["metrics"]["pass_at_1"]["n"] == 150 for one in report["evaluations"].values())
