"""What other repositories do with this one: pre-commit installs and runs the hooks, the action installs itself."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1_200)]

PRE_COMMIT = "pre-commit==4.6.2"
NO_NETWORK = re.compile(r"No matching distribution|Could not fetch|Failed to establish|Temporary failure")
GOOD = "cord 1\n\nexperiment e { seed = 1 }\n"
BAD = "cord 1\n\nexperiment e { sed = 1 }\n"
UGLY = "cord 1\nexperiment   e{seed=1}\n"


def git(*arguments: str, cwd: Path) -> str:
    command = ["git", "-c", "user.name=test", "-c", "user.email=test@localhost", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def source(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This repository as it stands, committed to a repository of its own."""
    place = tmp_path_factory.mktemp("source")
    listed = git("ls-files", "-z", "--cached", "--others", "--exclude-standard", cwd=root)
    for name in filter(None, listed.split("\0")):
        if (root / name).is_file():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).write_bytes((root / name).read_bytes())
    git("init", "--quiet", cwd=place)
    git("add", "--all", cwd=place)
    git("commit", "--quiet", "--message", "as it stands", cwd=place)
    return place


@pytest.fixture(scope="module")
def pre_commit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program, in an environment of its own."""
    place = tmp_path_factory.mktemp("tools")
    subprocess.run([sys.executable, "-m", "venv", str(place)], check=True)
    pip = [str(place / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", PRE_COMMIT]
    done = subprocess.run(pip, capture_output=True, text=True, check=False)
    if done.returncode and NO_NETWORK.search(done.stderr):
        pytest.skip(f"{PRE_COMMIT} cannot be installed: no package index in reach")
    assert done.returncode == 0, done.stderr
    return place / "bin" / "pre-commit"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Somebody's repository, with a spec of each sort and a file that is none."""
    place = tmp_path / "repository"
    place.mkdir()
    for name, text in (("good.cord", GOOD), ("bad.cord", BAD), ("ugly.cord", UGLY), ("cord.txt", BAD)):
        (place / name).write_text(text)
    git("init", "--quiet", cwd=place)
    git("add", "--all", cwd=place)
    return place


def try_repo(
    pre_commit: Path, source: Path, repository: Path, hook: str, *files: str
) -> subprocess.CompletedProcess[str]:
    command = [str(pre_commit), "try-repo", str(source), hook, "--ref=HEAD", "--color=never", "--verbose", *files]
    return subprocess.run(
        command,
        cwd=repository,
        env={**os.environ, "PRE_COMMIT_HOME": str(repository.parent / "cache")},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def test_the_hook_tells_what_is_wrong_with_the_specs_of_others(
    pre_commit: Path, source: Path, repository: Path
) -> None:
    done = try_repo(pre_commit, source, repository, "cordspec-validate", "--all-files")
    assert done.returncode == 1, done.stdout + done.stderr
    assert re.search(r"^cordspec validate\.+Failed$", done.stdout, re.MULTILINE)
    assert re.search(r"^ *--> bad\.cord:3:16$", done.stdout, re.MULTILINE)
    assert "3 files: 1 error" in done.stdout


def test_the_hook_passes_good_specs(pre_commit: Path, source: Path, repository: Path) -> None:
    done = try_repo(pre_commit, source, repository, "cordspec-validate", "--files", "good.cord", "ugly.cord")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^cordspec validate\.+Passed$", done.stdout, re.MULTILINE)


def test_the_hook_writes_the_layout_and_leaves_what_has_it(pre_commit: Path, source: Path, repository: Path) -> None:
    files = ("--files", "good.cord", "ugly.cord")
    done = try_repo(pre_commit, source, repository, "cordspec-fmt", *files)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "files were modified by this hook" in done.stdout
    assert (repository / "good.cord").read_text() == GOOD
    assert (repository / "ugly.cord").read_text() != UGLY
    git("add", "--all", cwd=repository)
    assert try_repo(pre_commit, source, repository, "cordspec-fmt", *files).returncode == 0


def test_the_action_installs_itself_without_touching_the_python_of_the_job(
    source: Path, repository: Path, tmp_path: Path
) -> None:
    for name in ("pip", "venv", "lark", "cordspec"):  # what the checkout holds is not imported
        (repository / f"{name}.py").write_text("raise SystemExit(99)\n")
    steps = {step["id"]: step for step in yaml.safe_load((source / "action.yml").read_text())["runs"]["steps"]}
    output = tmp_path / "output"
    places = {"RUNNER_TEMP": str(tmp_path), "GITHUB_OUTPUT": str(output), "GITHUB_ACTION_PATH": str(source)}
    inputs = {"VERSION": "", "PATHS": "good.cord", "FORMAT_CHECK": "true", "SARIF": "true"}
    environment = {**os.environ, **places, **inputs, "PYTHON": sys.executable}

    def step(name: str, **more: str) -> subprocess.CompletedProcess[str]:
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", steps[name]["run"]]
        return subprocess.run(
            command, cwd=repository, env={**environment, **more}, capture_output=True, text=True, check=False
        )

    installed = step("install")
    assert installed.returncode == 0, installed.stdout + installed.stderr
    program = output.read_text().strip().removeprefix("cordspec=")
    assert Path(program).is_relative_to(tmp_path)
    assert step("check", CORDSPEC=program).returncode == 0
    assert step("check", CORDSPEC=program, PATHS="good.cord\nbad.cord").returncode == 1
