"""What other repositories use in their CI: the hooks, the action and the snippets of docs/ci.md, run as a runner would."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from cordspec.cli.main import COMMANDS, INTERNAL_ERROR
from cordspec.errors import CordspecError

ROOT = Path(__file__).parents[2]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text())
HOOKS = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
GUIDE = (ROOT / "docs" / "ci.md").read_text()
SNIPPETS = [yaml.safe_load(text) for text in re.findall(r"^```yaml\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)]
WORKFLOWS = [snippet for snippet in SNIPPETS if "jobs" in snippet]
STEPS = {step["id"]: step for step in ACTION["runs"]["steps"]}
PROGRAM = Path(sys.executable).with_name("cordspec")

GOOD = "cord 1\n\nexperiment e { seed = 1 }\n"
BAD = "cord 1\n\nexperiment e { sed = 1 }\n"
UGLY = "cord 1\nexperiment   e{seed=1}\n"

Shell = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with a spec of each sort."""
    for name, text in (("good", GOOD), ("bad", BAD), ("ugly", UGLY), ("two words", GOOD)):
        path = tmp_path / "repository" / name / "spec.cord"
        path.parent.mkdir(parents=True)
        path.write_text(text)
    (tmp_path / "repository" / "empty").mkdir()
    return tmp_path / "repository"


@pytest.fixture
def shell(repository: Path) -> Shell:
    """A script as the runner starts it: bash, stopping at the first failure, in the repository."""

    def run(script: str, **environment: str) -> subprocess.CompletedProcess[str]:
        known = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "TMPDIR")}
        return subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
            cwd=repository,
            env={**known, **environment},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


@pytest.fixture
def check(shell: Shell, tmp_path: Path) -> Shell:
    """The step `check` of the action."""

    def run(*paths: str, layout: str = "false", sarif: str = "false") -> subprocess.CompletedProcess[str]:
        inputs = {"PATHS": "\n".join(paths), "FORMAT_CHECK": layout, "SARIF": sarif}
        places = {"RUNNER_TEMP": str(tmp_path), "GITHUB_OUTPUT": str(tmp_path / "output")}
        return shell(STEPS["check"]["run"], CORDSPEC=str(PROGRAM), **inputs, **places)

    return run


def uses(node: object) -> Iterator[str]:
    """Every action that steps use."""
    for value in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from uses(value)
    if isinstance(node, dict) and isinstance(node.get("uses"), str):
        yield node["uses"]


@pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: hook["id"])
def test_a_hook_has_what_the_manifest_of_pre_commit_requires(hook: dict) -> None:
    assert {"id", "name", "entry", "language"} <= set(hook)
    assert hook["language"] == "python"
    assert re.search(hook["files"], "specs/a.cord") and not re.search(hook["files"], "a.cord.bak")
    program, command = hook["entry"].split()
    assert program == "cordspec" and command in COMMANDS


def test_no_script_of_the_action_holds_an_expression() -> None:
    scripts = [step["run"] for step in ACTION["runs"]["steps"] if "run" in step]
    assert len(scripts) == 2
    assert not [script for script in scripts if "${{" in script]


def test_every_input_is_used_and_every_used_one_is_declared() -> None:
    text = (ROOT / "action.yml").read_text()
    assert set(re.findall(r"inputs\.([\w-]+)", text)) == set(ACTION["inputs"])


def test_actions_are_pinned_by_commit() -> None:
    used = [*uses(ACTION), *uses(WORKFLOWS)]
    assert len(used) == 6
    loose = [one for one in used if not re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", one)]
    assert set(loose) == {"OWNER/cordspec@COMMIT"}


@pytest.mark.parametrize(
    ("version", "code"), [("1.0 --index-url=x", 2), ("1.0;touch x", 2), ("$(touch x)", 2), ("../x", 2), ("1.0rc1", 1)]
)
def test_only_a_version_is_given_to_pip(shell: Shell, repository: Path, version: str, code: int) -> None:
    done = shell(STEPS["install"]["run"], PYTHON="false", VERSION=version, RUNNER_TEMP="/nowhere")
    assert done.returncode == code  # 1 is that of `false`, which stands for Python
    assert not (repository / "x").exists()


def test_good_specs_pass_and_bad_ones_become_annotations(check: Shell) -> None:
    assert check("good").returncode == 0
    bad = check("good", "bad")
    assert bad.returncode == 1
    assert bad.stdout.startswith("::error file=bad/spec.cord,line=3,")


def test_paths_are_one_on_each_line_and_never_options_or_commands(check: Shell, repository: Path) -> None:
    assert check("two words", "", "good/spec.cord").returncode == 0
    assert check("--help").returncode == 2
    assert check("$(touch x)", "`touch x`; touch x").returncode == 2
    assert not (repository / "x").exists()


def test_a_place_without_specs_is_a_usage_error(check: Shell) -> None:
    assert check("empty").returncode == check("nowhere").returncode == check("").returncode == 2


def test_the_layout_is_checked_when_asked_for(check: Shell) -> None:
    assert check("ugly").returncode == 0
    assert check("good", layout="true").returncode == 0
    assert check("ugly", layout="true").returncode == 9
    assert check("ugly", "bad", layout="true").returncode == 1


def test_what_the_layout_check_prints_is_no_command_to_the_runner(check: Shell, repository: Path) -> None:
    (repository / "ugly" / "spec.cord").rename(repository / "::warning::no.cord")
    printed = check("::warning::no.cord", layout="true").stdout.splitlines()
    begin = next(at for at, line in enumerate(printed) if line.startswith("::stop-commands::"))
    end = printed.index(f"::{printed[begin].removeprefix('::stop-commands::')}::")
    assert not [line for line in printed[:begin] + printed[end + 1 :] if "::warning::" in line]


def test_the_sarif_file_is_written_whatever_is_found(check: Shell, tmp_path: Path) -> None:
    for name, code in (("good", 0), ("bad", 1)):
        assert check(name, sarif="true").returncode == code
        (line,) = (tmp_path / "output").read_text().splitlines()
        written = json.loads(Path(line.removeprefix("sarif-file=")).read_text())
        assert written["version"] == "2.1.0" and len(written["runs"][0]["results"]) == code
        (tmp_path / "output").unlink()
    assert check("nowhere", sarif="true").returncode == 2
    assert not (tmp_path / "output").exists()


def test_the_guide_shows_every_input_with_its_default() -> None:
    rows = re.findall(r"^\| `([\w-]+)` \| (?:`(.*?)`|empty) \|", GUIDE, re.MULTILINE)
    assert dict(rows) == {name: one["default"] for name, one in ACTION["inputs"].items()}


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda workflow: workflow["name"])
def test_the_workflows_of_the_guide_follow_its_advice(workflow: dict) -> None:
    triggers = workflow[True]  # YAML 1.1 reads `on` so
    assert "pull_request_target" not in triggers
    assert workflow["permissions"] == {"contents": "read"}
    for job in workflow["jobs"].values():
        assert "pull_request" not in triggers or "permissions" not in job
        (checkout,) = (step for step in job["steps"] if step["uses"].startswith("actions/checkout@"))
        assert checkout["with"]["persist-credentials"] is False
        for step in job["steps"]:
            if "/cordspec@" in step["uses"]:
                assert set(step["with"]) <= set(ACTION["inputs"])


def test_the_guide_names_hooks_that_exist() -> None:
    (repos,) = (snippet["repos"] for snippet in SNIPPETS if "repos" in snippet)
    assert sorted(hook["id"] for hook in repos[0]["hooks"]) == sorted(hook["id"] for hook in HOOKS)


@pytest.mark.parametrize(("name", "code"), [("good", 0), ("bad", 1), ("ugly", 9)])
def test_the_job_for_gitlab_keeps_its_files_and_tells_the_code(
    shell: Shell, repository: Path, name: str, code: int
) -> None:
    (job,) = (snippet["cordspec"] for snippet in SNIPPETS if "cordspec" in snippet)
    install, *commands = job["script"]
    assert install.startswith("pip install")
    (repository / name).rename(repository / "specs")
    path = os.pathsep.join((str(PROGRAM.parent), os.environ["PATH"]))
    assert shell("\n".join(commands), PATH=path).returncode == code
    assert all(json.loads((repository / file).read_text()) for file in job["artifacts"]["paths"])


def test_the_guide_tells_every_exit_code() -> None:
    def below(kind: type[CordspecError]) -> Iterator[int]:
        yield kind.exit_code
        for one in kind.__subclasses__():
            yield from below(one)

    told = {int(code) for row in re.findall(r"^\| ([\d, ]+) \|", GUIDE, re.MULTILINE) for code in row.split(",")}
    assert {0, INTERNAL_ERROR, *below(CordspecError)} <= told
    assert told == {*range(10), 70, 130, 143}
