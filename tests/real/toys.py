"""Specs over the toy components, run as processes of their own or in this one."""

from __future__ import annotations

import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from cordspec.diagnostics import Source
from cordspec.extension.registry import GROUP, Registry
from cordspec.model import Variant, resolve_variants

HERE = Path(__file__).parent / "toy"
ENTRY_POINTS = "[cordspec]\nmodel.toy = cordspec_toy\nstudent.toy_sft = cordspec_toy\ngrader.toy_exact = cordspec_toy\n"
SPEC = """cord 1
experiment t { seed = 5, in_flight = 4, trackers = [] }
problems p : jsonl { path = "p.jsonl" }
problems held : jsonl { path = "held.jsonl" }
model a : toy { name = "a" }
model b : toy { name = "b" }
model prover : toy { name = "prover" }
pool both { teachers = [a, b], temperature = 0.8 }
pool solo { teachers = [a] }
segmenter steps : line_break { max_step = 16tok }
scorer pp : predictive_perplexity { prover = prover }
search beam2 : beam { size = 2 }
search greedy : beam { size = 1 }
decode traces {
  problems = p, pool = both, segmenter = steps, scorer = pp, search = beam2, grader = toy_exact
  budget = { thinking = 100tok, answer = 8tok }
}
decode single like traces { pool = solo, search = greedy }
student small : toy_sft { init = a, data = traces }
eval before : math_answers { model = a, problems = held, samples = 2, max_tokens = 64tok, grader = toy_exact }
eval after like before { model = small }
"""


class Toys:
    """A directory with a spec, its problems, and the toy plugin installed beside it, in a version that tests may raise."""

    def __init__(self, place: Path, spec: str = SPEC, problems: int = 4, version: str = "1.0") -> None:
        self.place = place
        self.site = place.parent / f"{place.name}-site"
        self.spec = place / "t.cord"
        place.mkdir(parents=True, exist_ok=True)
        self.spec.write_text(spec)
        self.problems("p.jsonl", range(problems))
        self.problems("held.jsonl", range(100, 102))
        self.install(version)

    def problems(self, name: str, numbers: Sequence[int] | range, answer: str = "1") -> None:
        rows = ({"question": f"What is {number}?", "answer": answer} for number in numbers)
        (self.place / name).write_text("".join(json.dumps(row) + "\n" for row in rows))

    def install(self, version: str) -> None:
        shutil.rmtree(self.site, ignore_errors=True)
        info = self.site / f"cordspec_toy-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: cordspec-toy\nVersion: {version}\n")
        (info / "entry_points.txt").write_text(ENTRY_POINTS)
        shutil.copy(HERE / "cordspec_toy.py", self.site)

    @property
    def environment(self) -> dict[str, str]:
        path = os.pathsep.join([str(self.site), *filter(None, [os.environ.get("PYTHONPATH")])])
        return {**os.environ, "PYTHONPATH": path}

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "cordspec", *arguments]

    def call(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments), cwd=self.place, env={**self.environment, **environment}, capture_output=True, text=True,
            check=False, timeout=120,
        )  # fmt: skip

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.call("run", "t.cord", "--out", "run", "--display", "plain", *arguments)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """A run whose calls are noted in ``log``."""
        command = self.command("run", "t.cord", "--out", "run", "--display", "json", *arguments)
        environment = {**self.environment, "TOY_LOG": str(self.log)}
        return subprocess.Popen(
            command, cwd=self.place, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    @property
    def log(self) -> Path:
        return self.place / "calls.log"

    @property
    def out(self) -> Path:
        return self.place / "run"

    @property
    def manifest(self) -> dict[str, object]:
        return json.loads((self.out / "manifest.json").read_text())

    def registry(self) -> Registry:
        """One of this process that knows the toys."""
        if str(self.site) not in sys.path:
            sys.path.append(str(self.site))
        dist = importlib.metadata.PathDistribution(next(self.site.glob("*.dist-info")))
        return Registry([*importlib.metadata.entry_points(group=GROUP), *dist.entry_points])

    def variants(self, *sets: str, registry: Registry | None = None) -> list[Variant]:
        found, diagnostics = resolve_variants(
            Source(str(self.spec), self.spec.read_text()), registry or self.registry(), sets
        )
        assert found, [one.message for one in diagnostics]
        return found

    def texts(self) -> dict[str, bytes]:
        """All that a run makes and that must repeat, by block and name."""
        stages = {path.name.rsplit("-", 1)[0]: path for path in (self.out / "stages").iterdir()}
        names = ("traces.jsonl", "candidates.jsonl", "dataset.jsonl", "predictions.jsonl")
        return {
            f"{block}/{name}": (path / name).read_bytes()
            for block, path in stages.items()
            for name in names
            if (path / name).exists()
        }
