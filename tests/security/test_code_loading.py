"""S1 to S7: no text of a stranger chooses what code runs."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import distributions
from pathlib import Path

import pytest

from cordspec.diagnostics import Source
from cordspec.extension.distributions import described
from cordspec.extension.registry import Registry
from cordspec.model import resolve
from cordspec.model.showing import as_json
from tests.security.conftest import Finished

ROOT = Path(__file__).parents[2]
PRODUCT = sorted(file for name in ("cordspec", "plugins") for file in (ROOT / name).rglob("*.py"))
HEAD = "cord 1\nexperiment e { seed = 3 }\n"
GUIDED = (
    HEAD
    + """problems p : jsonl { path = "rows.jsonl" }
model a : mini { name = adder }
pool x { teachers = [a], temperature = 0.8 }
segmenter g : step_header { max_step = 48tok }
scorer s : marked {}
search b : beam { size = 1 }
decode d {
  problems = p, pool = x, segmenter = g, scorer = s, search = b, budget = { thinking = 60tok, answer = 16tok }
}
"""
)

PLUGIN = """
open({marker!r}, "a").write("imported ")
from typing import ClassVar
from cordspec.plugin import Options, Scorer, hookimpl
class O(Options):
    pass
class Marked(Scorer[O]):
    name: ClassVar[str] = "marked"
    async def score(self, candidates):
        return []
@hookimpl
def cordspec_components():
    yield Marked
"""


@pytest.fixture
def marked(tmp_path: Path) -> tuple[Path, Path]:
    """A directory with an installed plugin, and the marker that its module writes."""
    site, marker = tmp_path / "site", tmp_path / "marker"
    info = site / "cordspec_marked-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: cordspec-marked\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[cordspec]\nscorer.marked = cordspec_marked\n")
    (site / "cordspec_marked.py").write_text(PLUGIN.format(marker=str(marker)))
    (tmp_path / "work").mkdir()
    return site, marker


COMMANDS = (
    ("validate",), ("validate", "--untrusted"), ("plan",), ("fmt", "--check"), ("graph",), ("show",)
)  # fmt: skip


def told(site: Path, spec: str, command: tuple[str, ...], **environment: str) -> subprocess.CompletedProcess[str]:
    work = site.parent / "work"
    (work / "t.cord").write_text(spec)
    code = f"import sys; sys.path.insert(0, {str(site)!r}); from cordspec.cli.main import main; sys.exit(main(sys.argv[1:]))"
    return subprocess.run(
        [sys.executable, "-c", code, *command, "t.cord"], capture_output=True, text=True, cwd=work, check=False,
        timeout=60, env={**os.environ, **environment},
    )  # fmt: skip


@pytest.mark.item("S2")
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_plugin_that_no_spec_names_is_not_imported(marked: tuple[Path, Path], command: tuple[str, ...]) -> None:
    site, marker = marked
    told(site, HEAD + "search s : beam { size = 4 }\n", command)
    assert not marker.exists()


@pytest.mark.item("S2", "S3")
@pytest.mark.parametrize("allowed", [True, False], ids=["allowed", "not allowed"])
def test_one_that_is_named_is_imported_if_the_operator_allows_it(marked: tuple[Path, Path], allowed: bool) -> None:
    site, marker = marked
    done = told(
        site, HEAD + "scorer s : marked {}\n", ("validate",), CORDSPEC_PLUGINS="cordspec-marked" if allowed else "none"
    )
    assert marker.exists() == allowed
    assert ("E332" in done.stdout) != allowed, done.stdout + done.stderr


@pytest.mark.item("S3")
def test_no_spec_can_extend_the_list() -> None:
    """There is no field, no kind and no statement for it."""
    for text in (
        "plugins = [evil]",
        'plugins { allow = ["evil"] }',
        'plugin "evil"',
        "experiment f { plugins = [evil] }",
    ):
        experiment, found = resolve(Source("t.cord", HEAD + text + "\n"), Registry())
        assert experiment is None and found, text


def record(site: Path, **more: str) -> None:
    """What an installer writes of the plugin's files."""
    hashes = {"cordspec_marked.py": "sha256=aaa", "cordspec_marked-1.0.dist-info/METADATA": "sha256=bbb", **more}
    lines = "".join(f"{name},{value},1\n" for name, value in hashes.items())
    (site / "cordspec_marked-1.0.dist-info" / "RECORD").write_text(lines)


def described_in(site: Path) -> str:
    (found,) = distributions(path=[str(site)])
    return described(found)


@pytest.mark.item("S3")
def test_a_plugin_is_described_by_the_files_that_its_wheel_brought(marked: tuple[Path, Path]) -> None:
    site, _ = marked
    assert described_in(site) == "cordspec-marked 1.0", "nothing is recorded"
    record(site)
    first = described_in(site)
    assert re.fullmatch(r"cordspec-marked 1\.0 sha256:[0-9a-f]{64}", first)
    record(site, **{"../bin/marked": "sha256=ccc", "cordspec_marked-1.0.dist-info/INSTALLER": "sha256=ddd"})
    assert described_in(site) == first, "scripts and the installer's own notes differ from machine to machine"
    record(site, **{"cordspec_marked.py": "sha256=eee"})
    assert described_in(site) != first
    link = {"url": "file:///x", "dir_info": {"editable": True}}
    (site / "cordspec_marked-1.0.dist-info" / "direct_url.json").write_text(json.dumps(link))
    assert described_in(site) == "cordspec-marked 1.0", "the files are elsewhere"


@pytest.mark.item("S3")
def test_a_locked_plugin_of_the_same_version_and_other_files_is_found(marked: tuple[Path, Path]) -> None:
    site, _ = marked
    record(site)
    (site.parent / "work" / "rows.jsonl").write_text('{"question": "1 + 1?", "answer": "2"}\n')
    assert told(site, GUIDED, ("lock",)).returncode == 0
    assert told(site, GUIDED, ("lock", "--check")).returncode == 0
    record(site, **{"cordspec_marked.py": "sha256=eee"})
    drifted = told(site, GUIDED, ("lock", "--check"))
    assert drifted.returncode == 9 and "cordspec-marked 1.0 sha256:" in drifted.stderr, drifted.stderr
    (site / "cordspec_marked-1.0.dist-info" / "RECORD").unlink()
    assert told(site, GUIDED, ("lock", "--check")).returncode == 0, "what is not recorded tells nothing"


def dependencies() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return [str(one) for one in project["dependencies"]]


LOCKS = (
    "requirements.lock",
    "requirements-vllm.lock",
    "tests/smollm2/wheels.lock",
    "tests/vocabularies/wheels.lock",
)


def loose(lock: str) -> list[str]:
    """Requirements of a lock that are not one version with hashes of its files, as pip installs them if asked for hashes."""
    whole = re.sub(r" \\\n\s+", " ", lock).splitlines()
    return [one for one in whole if not re.fullmatch(r"[a-z0-9.-]+==[\w.!]+( --hash=sha256:[0-9a-f]{64})+", one)]


@pytest.mark.item("S5")
def test_the_core_needs_few_packages_and_the_lock_names_one_version_of_each_with_hashes() -> None:
    names = [re.split(r"[<>=~\[; ]", one)[0].lower() for one in dependencies()]
    assert len(names) <= 12
    locks = [(ROOT / lock).read_text() for lock in LOCKS]
    assert [loose(lock) for lock in locks] == [[]] * len(LOCKS)
    assert set(names) <= set(re.findall(r"^([a-z0-9.-]+)==", locks[0], re.MULTILINE))


@pytest.mark.item("S5")
def test_a_lock_without_a_hash_is_seen() -> None:
    hashed = f"a==1 \\\n    --hash=sha256:{'0' * 64}\n"
    assert loose(hashed * 2) == []
    for wrong in (
        "a==1\n",
        "a\n",
        hashed.replace("==", ">="),
        hashed.replace("sha256", "md5"),
        "a @ https://a.example/a.whl\n",
    ):
        assert len(loose(hashed + wrong)) == 1


@pytest.mark.item("S5")
def test_nothing_is_installed_but_what_a_lock_names() -> None:
    """With hashes, and built, but for torch, which has other files on every machine, and this package, which is built here."""
    recipes = (ROOT / "Makefile").read_text()
    installing = re.findall(
        r"\$\((?:BIN|VLLM/bin)\)/pip (?:install|download) (.*)", recipes.replace("$(VLLM)/bin", "$(VLLM/bin)")
    )
    ours = "--quiet --disable-pip-version-check --no-deps --no-build-isolation --editable ."
    torch = "--quiet --disable-pip-version-check $(TORCH)"
    rest = [one for one in installing if one not in (ours, torch)]
    assert len(rest) == len(LOCKS) and all(
        re.fullmatch(r"\$\(LOCKED\) (--dest \S+ )?-r \S+\.lock", one) for one in rest
    )
    (options,) = re.findall(r"^LOCKED := (.*)$", recipes, re.MULTILINE)
    assert "--no-deps --require-hashes --only-binary :all: --no-binary cellpylib,deepspeed,pycosat,zss" in options
    assert re.findall(r"^TORCH  := (.*)$", recipes, re.MULTILINE) == ["torch==2.13.0"]


@pytest.mark.item("S5")
def test_what_runs_in_ci_is_pinned_by_commit() -> None:
    files = [ROOT / "action.yml", ROOT / "cordspec" / "cli" / "templates" / "workflow.yaml"]
    files += [*(ROOT / ".github").rglob("*.yml")] if (ROOT / ".github").is_dir() else []
    used = [found for file in files for found in re.findall(r"uses:\s*(\S+)", file.read_text())]
    assert len(used) >= 3
    assert [one for one in used if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", one)] == []


def calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    """Every call with the last name of what is called."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "attr", None) or getattr(node.func, "id", "")
            yield name, node


def given(call: ast.Call) -> dict[str, object]:
    return {word.arg: getattr(word.value, "value", None) for word in call.keywords if word.arg}


def loads_strange_code(source: str) -> list[str]:
    """Calls of `from_pretrained` that could run code of a checkpoint or read a pickle."""
    found = []
    for name, call in calls(ast.parse(source)):
        if name != "from_pretrained" or ast.unparse(call.func) == "PeftModel.from_pretrained":
            continue  # adapters are what this very process wrote: numbers in safetensors, and no code
        words = given(call)
        tokenizer = "Tokenizer" in ast.unparse(call.func)
        if words.get("trust_remote_code") is not False or not (tokenizer or words.get("use_safetensors") is True):
            found.append(ast.unparse(call))
    return found


@pytest.mark.item("S6")
def test_no_code_of_a_checkpoint_is_run_and_no_spec_can_change_that(registry: Registry) -> None:
    assert {str(file): found for file in PRODUCT if (found := loads_strange_code(file.read_text()))} == {}
    trusting = [
        file.name for file in PRODUCT if re.search(r"trust_remote_code\"?\s*[=:]\s*(?!False)\S", file.read_text())
    ]
    assert trusting == []
    for name in ("transformers", "vllm", "sglang", "completions"):
        text = f'{HEAD}model m : {name} {{ weights = "x", service = "y", trust_remote_code = true }}\n'
        found = resolve(Source("t.cord", text), registry)[1]
        assert "E110" in [one.code for one in found], name


@pytest.mark.item("S6")
@pytest.mark.parametrize(
    "line",
    ["AutoTokenizer.from_pretrained(p)", "AutoModel.from_pretrained(p, trust_remote_code=False)",
     "AutoModel.from_pretrained(p, use_safetensors=True, trust_remote_code=flag)"],
)  # fmt: skip
def test_that_check_can_fail(line: str) -> None:
    assert loads_strange_code(line)


FORBIDDEN = {
    "pickle", "cPickle", "_pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib", "jsonpickle", "diskcache",
    "tarfile", "zipfile", "zipimport", "shutil.unpack_archive", "lzma", "bz2", "xml.sax", "xmlrpc", "code", "codeop",
}  # fmt: skip
"""Modules that run, unpack or build what they read."""
LOADING = {"unpack_archive", "extractall", "load_module", "execfile"}


def odd_loading(source: str) -> list[str]:
    """What a file imports or calls that reads data as more than data."""
    tree, found = ast.parse(source), []
    for node in ast.walk(tree):
        names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
        found += [name for name in names if name in FORBIDDEN or name.split(".")[0] in FORBIDDEN]
    for name, call in calls(tree):
        whole = ast.unparse(call.func)
        if whole in (
            "eval",
            "exec",
            "compile",
            "__import__",
            "torch.load",
            "yaml.load",
            "yaml.unsafe_load",
            "builtins.eval",
            "csv.writer",  # nothing is written as CSV
            "csv.DictWriter",
        ):
            found.append(whole)
        if name in LOADING or (name == "Lark" and "cache" in given(call)):
            found.append(whole)
        if whole in ("np.load", "numpy.load") and given(call).get("allow_pickle") is not False:
            found.append(whole)
        if (
            given(call).get("allow_pickle") is True
            or given(call).get("weights_only") is False
            or given(call).get("shell") is True
        ):
            found.append(whole)
    return found


@pytest.mark.item("S7", "S10", "S25")
def test_nothing_reads_data_as_more_than_data() -> None:
    """No pickle and its kin, no archives, no evaluation, no shell, no CSV; in the product's own code."""
    assert len(PRODUCT) > 200
    assert {str(file): found for file in PRODUCT if (found := odd_loading(file.read_text()))} == {}


@pytest.mark.item("S7")
@pytest.mark.parametrize(
    "line",
    ["import pickle", "from marshal import loads", "import tarfile as t", "torch.load(x)", "eval('1')", "yaml.load(x)",
     "Lark(g, cache=True)", "np.load(x)", "np.load(x, allow_pickle=True)", "import dill", "from zipfile import ZipFile",
     "subprocess.run(x, shell=True)", "csv.writer(file)"],
)  # fmt: skip
def test_the_lint_can_fail(line: str) -> None:
    assert odd_loading(line)


@pytest.mark.item("S7")
def test_a_whole_run_unpickles_nothing(finished: Finished) -> None:
    """Problems, search, scoring, evaluation, report and export, under an audit hook, which sees a pickle that is read
    afterwards. Trainers may unpickle what they pickled.
    """
    told = finished.said.stderr.splitlines()
    assert "FOUND" in told
    assert any(line.startswith("SEEDED ['pickle.find_class'") for line in told)


@pytest.mark.item("S1", "S16")
@pytest.mark.parametrize(
    "text", ["${env:SECRET_THING}", "$SECRET_THING", "{SECRET_THING}", "%(SECRET_THING)s", "{{ SECRET_THING }}"]
)
def test_no_text_of_a_spec_is_filled_in(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """S16: a spec cannot read the environment."""
    monkeypatch.setenv("SECRET_THING", "canary-of-the-environment")
    spec = HEAD + f'problems p : jsonl {{ path = "{text}", question = "{text}" }}\n'
    experiment, found = resolve(Source("t.cord", spec), Registry())
    assert experiment is not None, found
    shown = json.dumps(as_json(experiment, Registry(), origin=True))
    assert text in shown and "canary-of-the-environment" not in shown
