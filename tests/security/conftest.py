"""One finished run for all of these tests: problems and models that write hostile texts, a umask of 000, an audit hook, in a
process of its own. The models are real; what they say is put behind what a hostile one would say.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.security.planted import COMMAND_LINES, NAMES, SEQUENCES, SPEC

WATCHED = """
import os, sys
os.umask(0)
found = []
def watch(event, args):
    if event in ("pickle.find_class", "marshal.loads.data"):
        found.append([event, *map(str, args)])
sys.addaudithook(watch)
import json
from dataclasses import replace
from itertools import cycle
from cordspec_hf.engine import TransformersEngine
hostile = cycle(json.load(open(sys.argv[1])))
original = TransformersEngine.generate
async def generate(self, requests):
    return [replace(one, text=next(hostile) + one.text) for one in await original(self, requests)]
TransformersEngine.generate = generate
from cordspec.cli.main import main
codes = [main(["run", "small.cord", "--out", "run", "--display", "plain"])]
codes.append(main(["export", "run", "--to", "data", "--keep", "all"]))
print("FOUND", *found, file=sys.stderr)
import pickle
pickle.loads(pickle.dumps(main))
print("SEEDED", *found, file=sys.stderr)
sys.exit(max(codes))
"""


@dataclass(frozen=True)
class Finished:
    """The directory in which it ran, the run, its export, and what it said."""

    home: Path
    before: frozenset[Path]
    said: subprocess.CompletedProcess[str]

    @property
    def run(self) -> Path:
        return self.home / "run"

    @property
    def data(self) -> Path:
        return self.home / "data"


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    home = tmp_path_factory.mktemp("finished") / "home"
    home.mkdir()
    (home / "small.cord").write_text(SPEC)
    hostile = " ".join(NAMES)
    rows = [
        {"question": f"{hostile} Tom has {n} pens, then gains 4. How many?", "answer": f"{n + 4}"}
        for n in (7, 9, 11, 13)
    ]
    (home / "p.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    windows = [SEQUENCES[at : at + 6] for at in range(0, len(SEQUENCES), 6)]
    said = ["q".join(window) + f"\n{line}\n" for window, line in zip(windows, COMMAND_LINES * 2, strict=False)]
    (home / "hostile.json").write_text(json.dumps(said))
    before = frozenset(home.parent.rglob("*"))
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, "hostile.json"],
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return Finished(home, before, done)
