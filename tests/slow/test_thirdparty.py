"""A plugin of a separate distribution, as wheels in clean environments: first without any GPU stack, then for a run."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2_400)]
CORE = ("lark", "pydantic", "pydantic_core", "pluggy", "rich", "typing_extensions", "typing-inspection", "annotated-types",
        "markdown-it-py", "mdurl", "Pygments", "shtab")  # fmt: skip


def sh(*command: str | Path, cwd: Path, **more: object) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True, check=False, **more)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def wheels(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheels")
    for source in (root, root / "tests" / "thirdparty" / "cordspec-brevity"):
        sh(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", out, source, cwd=out)
    assert len(list(out.glob("*.whl"))) == 2
    return out


def pinned(root: Path, *names: str) -> list[str]:
    """These packages in the versions of the lock."""
    wanted = {name.lower().replace("_", "-") for name in names}
    return [one for one in locked(root) if one.split("==")[0] in wanted]


def locked(root: Path) -> list[str]:
    return re.findall(r"^\S+==\S+", (root / "requirements.lock").read_text(), re.MULTILINE)


def environment(path: Path, packages: list[str], wheels: Path) -> Path:
    sh(sys.executable, "-m", "venv", path, cwd=path.parent)
    pip = (path / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check")
    sh(*pip, *packages, cwd=path.parent)
    sh(*pip, "--no-deps", *wheels.glob("*.whl"), cwd=path.parent)
    return path / "bin"


def test_validate_needs_no_gpu_stack_and_finds_the_plugin(root: Path, wheels: Path, tmp_path: Path) -> None:
    bin_ = environment(tmp_path / "core", pinned(root, *CORE), wheels)
    installed = sh(bin_ / "pip", "list", "--format=freeze", cwd=tmp_path).stdout.lower()
    assert "torch" not in installed and "cordspec-brevity==0.3.0" in installed
    program = (
        "from importlib.metadata import distribution as of; from cordspec.extension.distributions import described; "
        "print(described(of('cordspec')), described(of('cordspec-brevity')))"
    )
    said = sh(bin_ / "python", "-c", program, cwd=tmp_path).stdout
    assert re.fullmatch(r"cordspec \S+ sha256:[0-9a-f]{64} cordspec-brevity 0\.3\.0 sha256:[0-9a-f]{64}\n", said)
    spec = root / "tests" / "thirdparty" / "brevity.cord"
    sh(bin_ / "cordspec", "validate", spec, root / "specs", cwd=tmp_path)
    wrong = tmp_path / "wrong.cord"
    wrong.write_text(spec.read_text().replace("12tok", "0tok"))
    done = subprocess.run([bin_ / "cordspec", "validate", wrong], capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "it must be greater than 0" in done.stdout
    ran = subprocess.run([bin_ / "cordspec", "run", spec], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 3 and "error[E601]" in ran.stderr and "cordspec[hf]" in ran.stderr


def test_the_plugin_guides_a_run(root: Path, wheels: Path, tmp_path: Path) -> None:
    bin_ = environment(tmp_path / "full", locked(root), wheels)
    spec = root / "tests" / "thirdparty" / "brevity.cord"
    sh(bin_ / "cordspec", "run", spec, "--out", "run", cwd=tmp_path)
    report = json.loads((tmp_path / "run" / "report.json").read_text())
    traces = report["traces"]["traces"]
    assert traces["accuracy"]["n"] == 4
    assert 0 < traces["score_final"]["value"] <= 1
