"""The lines that `docs/evaluation.md` shows are lines of what the commands print, in that order; it leaves others out."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHOWN = re.findall(
    r"^```text\n\$ cordspec ([^\n]*)\n(.*?)^```", (ROOT / "docs" / "evaluation.md").read_text(), re.M | re.S
)


def cordspec(directory: Path, *words: str) -> str:
    command = [sys.executable, "-m", "cordspec", *words]
    return subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=540, check=True).stdout


@pytest.fixture(scope="module")
def evaluation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory in which the run of the document was made."""
    directory = tmp_path_factory.mktemp("evaluation")
    (directory / "specs").symlink_to(ROOT / "specs")
    cordspec(directory, "run", "specs/evaluation.cord")
    return directory


@pytest.mark.parametrize(("words", "lines"), SHOWN)
def test_what_is_shown_is_printed(evaluation: Path, words: str, lines: str) -> None:
    printed = iter(cordspec(evaluation, *shlex.split(words)).splitlines())
    for line in lines.splitlines():
        assert line in printed, line  # takes lines off the iterator up to this one


def test_something_is_shown() -> None:
    assert len(SHOWN) == 4
