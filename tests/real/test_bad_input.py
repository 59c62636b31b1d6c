"""Bar 8: every wrong input gives one diagnostic, its exit code, no traceback, and leaves what was there."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]

SPEC = """cord 1
experiment bad {}
problems p : inventory { count = 4, length = 2..3 }
model a : mini { name = adder }
model b : mini { name = prover }
pool solo { teachers = [a] }
segmenter steps : step_header { max_step = 48tok }
scorer pp : predictive_perplexity { prover = b }
search greedy : beam { size = 1 }
decode traces {
  problems = p, pool = solo, segmenter = steps, scorer = pp, search = greedy
  budget = { thinking = 200tok, answer = 40tok }
}
"""


def told(done: subprocess.CompletedProcess[str], code: str, exit_code: int) -> str:
    """The single diagnostic on standard error."""
    assert done.returncode == exit_code, done.stdout + done.stderr
    assert done.stderr.count("error[") == 1, done.stderr
    assert f"error[{code}]" in done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    return done.stderr


def write(tmp_path: Path, text: str) -> str:
    (tmp_path / "bad.cord").write_text(text)
    return "bad.cord"


def test_a_missing_file(cordspec: Run) -> None:
    assert "no such file" in told(cordspec("run", "nowhere.cord"), "E106", 2)
    assert "no such file" in told(cordspec("validate", "nowhere.cord"), "E106", 2)


def test_an_unknown_component(cordspec: Run, tmp_path: Path) -> None:
    done = cordspec("run", write(tmp_path, SPEC.replace(": beam", ": baem")))
    assert "did you mean `beam`?" in told(done, "E301", 1)
    assert "bad.cord:9:17" in done.stderr


def test_a_wrong_unit(cordspec: Run, tmp_path: Path) -> None:
    done = cordspec("run", write(tmp_path, SPEC.replace("48tok", "48GiB")))
    assert "write `48tok`" in told(done, "E203", 1)


def test_a_missing_model_directory(cordspec: Run, tmp_path: Path) -> None:
    text = SPEC.replace("mini { name = adder }", 'transformers { weights = "no/such/model" }')
    done = cordspec("run", write(tmp_path, text))
    assert "config.json" in told(done, "E601", 3)
    assert "bad.cord:4:1" in done.stderr and "= help:" in done.stderr


def test_an_empty_problem_set(cordspec: Run, tmp_path: Path) -> None:
    (tmp_path / "p.jsonl").write_text("\n")
    text = SPEC.replace("inventory { count = 4, length = 2..3 }", 'jsonl { path = "p.jsonl" }')
    assert "`p` holds no problem" in told(cordspec("run", write(tmp_path, text)), "E210", 1)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ('{"question": "1 + 1?"}', "p.jsonl:2: `answer` is missing"),
        ('{"question": "1 + 1?", "answer": ""}', "p.jsonl:2: `answer` is empty"),
        ('{"question": "1 + 1?", "answer": [2]}', "p.jsonl:2: `answer` is no text"),
        ("[1, 2]", "p.jsonl:2: this line is not a JSON object"),
        ("{", "p.jsonl:2: this line is not a JSON object"),
        ("[" * 100_000, "p.jsonl:2: this line is not a JSON object"),
    ],
)
def test_a_wrong_row(cordspec: Run, tmp_path: Path, row: str, said: str) -> None:
    (tmp_path / "p.jsonl").write_text('{"question": "1 + 2?", "answer": 3}\n' + row + "\n")
    text = SPEC.replace("inventory { count = 4, length = 2..3 }", 'jsonl { path = "p.jsonl" }')
    assert said in told(cordspec("run", write(tmp_path, text)), "E210", 1)


def test_no_run_directory(cordspec: Run) -> None:
    told(cordspec("report", "nowhere"), "E708", 2)


def test_an_unwritable_place(cordspec: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    told(cordspec("run", write(tmp_path, SPEC), "--out", "file/run"), "E702", 5)


def test_a_wrong_flag(cordspec: Run, tmp_path: Path) -> None:
    assert cordspec("run", write(tmp_path, SPEC), "--limit", "0").returncode == 2
    assert cordspec("fly").returncode == 2


def full_disk(tmp_path: Path, command: list[str], kind: str) -> subprocess.CompletedProcess[str]:
    """Run with a disk that fills up: a tiny file system, or a limit on file sizes."""
    if kind == "file size limit":
        limit = (24 * 1024, 24 * 1024)
        return subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, check=False,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit),
        )  # fmt: skip
    return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("kind", ["file size limit", "full file system"])
def test_a_full_disk(cordspec: Run, tmp_path: Path, kind: str) -> None:
    """A run that fits, then a larger one that does not: exit 5, the first one's artifacts are as they were."""
    run = tmp_path / "run"
    run.mkdir()
    mounted = kind == "full file system"
    if mounted:
        made = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(run)], capture_output=True, check=False
        )
        if made.returncode != 0:
            pytest.skip("mounting a small file system is not allowed here")
    try:
        spec = write(tmp_path, SPEC)
        assert cordspec("run", spec, "--out", "run", "--limit", "1").returncode == 0
        before = {path: path.read_bytes() for path in (run / "stages").rglob("*") if path.is_file()}
        if mounted:
            free = os.statvfs(run)
            (run / "filler").write_bytes(b"x" * (free.f_bavail * free.f_frsize - 12 * 1024))
        done = full_disk(tmp_path, [sys.executable, "-m", "cordspec", "run", spec, "--out", "run"], kind)
        assert "nothing is lost" in told(done, "E702", 5)
        assert {path: path.read_bytes() for path in before} == before
        if mounted:
            (run / "filler").unlink()
        first = cordspec("run", spec, "--out", "run", "--limit", "1", "--display", "plain")
        assert "2 finished already" in first.stdout, first.stderr
        again = cordspec("run", spec, "--out", "run")
        assert again.returncode == 0, again.stderr
    finally:
        if mounted:
            subprocess.run(["umount", str(run)], check=True)


def test_a_spec_that_only_a_later_version_can_run_is_refused_before_anything_is_read(
    cordspec: Run, tmp_path: Path
) -> None:
    spec = Path(__file__).parents[2] / "specs" / "hetero_beam4.cord"
    done = cordspec("run", str(spec))
    assert "specs/miniature.cord runs the method" in told(done, "E305", 3)
    assert done.stderr.count("error[") == 1
    assert "DeepSeek-R1-Distill-Qwen-32B in a local directory of that name" in done.stderr
    assert "it needs 2 GPUs, of which 0 are here" in done.stderr
    assert not (tmp_path / "runs").exists()


FAILING = """
from typing import ClassVar
from cordspec.plugin import Options, Scorer, hookimpl

class BrokenOptions(Options):
    pass

class Broken(Scorer[BrokenOptions]):
    name: ClassVar[str] = "broken"
    async def score(self, candidates):
        raise RuntimeError("out of ideas")

@hookimpl
def cordspec_components():
    yield Broken
"""


def test_a_plugin_that_fails_at_work_is_named(cordspec: Run, tmp_path: Path) -> None:
    site = tmp_path / "site"
    info = site / "cordspec_broken-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: cordspec-broken\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[cordspec]\nscorer.broken = cordspec_broken\n")
    (site / "cordspec_broken.py").write_text(FAILING)
    work = tmp_path / "work"
    work.mkdir()
    text = SPEC.replace("predictive_perplexity { prover = b }", "broken {}")
    assert text != SPEC
    done = subprocess.run(
        [sys.executable, "-m", "cordspec", "run", write(work, text)],
        capture_output=True, text=True, cwd=work, check=False, timeout=300, env={**os.environ, "PYTHONPATH": str(site)},
    )  # fmt: skip
    assert "scorer `pp` (component `broken` of cordspec_broken) failed: RuntimeError: out of ideas" in told(
        done, "E331", 4
    )
