"""Can the tests fail? Bugs are planted one at a time into a copy of the code, and the tests that should notice are run.

Run by ``make nightly`` (about 5 minutes); writes ``benchmarks/results/mutations.md``; ends with 1 if more than one bug of 25
is not noticed, or if a test fails without any.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from mutants import MUTANTS, Mutant

ROOT = Path(__file__).parents[1]
COPIED = ("cordspec", "plugins", "tests", "specs", "docs", "benchmarks", "pyproject.toml", "README.md")
RESULT = ROOT / "benchmarks" / "results" / "mutations.md"
ALLOWED = 1 / 25


def copied(to: Path) -> None:
    """The code and its tests."""
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, to / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, to / name)


def failing(copy: Path, tests: tuple[str, ...]) -> str:
    """The first test that fails, or an empty text."""
    paths = f"{copy}{os.pathsep}{copy / 'plugins'}{os.pathsep}{os.environ.get('PYTHONPATH', '')}".rstrip(os.pathsep)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-m", "not slow", *tests],
        capture_output=True, text=True, check=False, cwd=copy, timeout=600,
        # without bytecode: two bugs of one length within a second would be taken for one
        env={**os.environ, "PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    if done.returncode == 0:
        return ""
    found = re.search(r"^(?:FAILED|ERROR) (\S+)", done.stdout, re.MULTILINE)
    if done.returncode not in (1, 2) or found is None:
        raise SystemExit(f"the tests could not be run:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return found.group(1).rpartition("/")[2]


def noticed(copy: Path, mutant: Mutant) -> str:
    """The first test that fails with a bug in the copy, which is as before afterwards."""
    path = copy / mutant.file
    text = path.read_text(encoding="utf-8")
    assert text.count(mutant.before) == 1, f"{mutant.file} holds it {text.count(mutant.before)} times: {mutant.before}"
    path.write_text(text.replace(mutant.before, mutant.after), encoding="utf-8")
    try:
        return failing(copy, mutant.tests)
    finally:
        path.write_text(text, encoding="utf-8")


def table(found: list[tuple[Mutant, str]], seconds: float) -> str:
    caught = sum(bool(test) for _, test in found)
    rows = [
        f"| {mutant.bug} | `{mutant.file}` | {f'`{test}`' if test else '**not noticed**'} |" for mutant, test in found
    ]
    return "\n".join(
        [
            "# Bugs that the tests notice",
            "",
            f"{caught} of {len(found)} planted bugs were noticed; without any, the same tests pass. Written by"
            f" `benchmarks/mutations.py`, {seconds / 60:.0f} minutes on one core.",
            "",
            "| Bug | Where | First test that failed |",
            "|---|---|---|",
            *rows,
            "",
        ]
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bug", nargs="*", help="only bugs whose description holds one of these; nothing is written")
    wanted = parser.parse_args().bug
    chosen = [one for one in MUTANTS if not wanted or any(word in one.bug for word in wanted)]
    begin = time.monotonic()
    with tempfile.TemporaryDirectory() as directory:
        copy = Path(directory) / "copy"
        copied(copy)
        if alone := failing(copy, tuple(dict.fromkeys(test for one in chosen for test in one.tests))):
            print(f"{alone} fails without any bug")
            return 1
        found = []
        for mutant in chosen:
            found.append((mutant, noticed(copy, mutant)))
            print(f"{mutant.bug}: {found[-1][1] or 'NOT NOTICED'}", flush=True)
    missed = sum(not test for _, test in found)
    if not wanted:
        RESULT.write_text(table(found, time.monotonic() - begin), encoding="utf-8")
    return int(missed > ALLOWED * len(found))


if __name__ == "__main__":
    sys.exit(main())
