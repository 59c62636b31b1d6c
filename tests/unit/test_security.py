"""A stranger's spec, and a stranger's checkout, do no harm (the project's security list, S1, S3, S4, S11 to S13, S18 to S23)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint, PathDistribution
from pathlib import Path

import pytest

from cordspec.diagnostics import FORMATS, Source, render
from cordspec.extension.policy import Policy
from cordspec.extension.registry import Registry, RegistryError
from cordspec.model import resolve
from cordspec.model.library import read_text

ROOT = Path(__file__).parents[2]
HEAD = "cord 1\nexperiment e { seed = 3 }\n"
Run = Callable[..., subprocess.CompletedProcess[str]]

WATCHED = """
import json, sys
events = []
def watch(event, args):
    if watching and event.split(".")[0] in ("import", "exec", "open", "socket", "subprocess", "os", "ctypes", "pickle", "marshal"):
        events.append([event, str(args[0])[:200]])
watching = False
sys.addaudithook(watch)
from cordspec.diagnostics import Source, render
from cordspec.extension.registry import Registry
from cordspec.model import resolve
registry = Registry()
specs = json.load(open(sys.argv[1]))
resolve(Source("warm.cord", specs[0]), registry)  # what a right spec loads
resolve(Source("warm.cord", "cord 1\\nexperiment { \u00e9 ' = } cord"), registry)  # and what a broken one does
resolve(Source("warm.cord", 'cord 1\\nimport "x.cord" as x'), registry)
resolve(Source("warm.cord", specs[0].replace("adder", "addr").replace("size", "sise")), registry)
watching = True
codes = []
for text in specs[1:]:
    diagnostics = resolve(Source("hostile.cord", text), registry)[1]
    render(diagnostics, "text")
    codes.append([one.code for one in diagnostics])
watching = False
print(json.dumps({"events": events, "codes": codes}))
"""
PAYLOADS = [
    "os.system", "__class__", "__import__", "builtins.eval", "_target_", "subprocess.run", "eval", "exec", "compile",
    "cordspec.cli.main", "torch.load", "pickle.loads", "importlib.import_module", "sys.exit", "__subclasses__",
    "{{7*7}}", "{0.__class__}", "%(x)s", "${jndi:ldap://x}", "$(id)", "`id`", "!function", "!!python/object/apply:os.system",
    "<%= 7 %>", "\\N{DIGIT ONE}",
]  # fmt: skip
PLACES = [
    "search x : {name} {{}}", "{name} x : beam {{}}", "search {name} : beam {{}}", "search x like {name} {{}}",
    "search x : beam {{ {name} = 1 }}", "search x : beam {{ finished = {name} }}", "search x : beam {{ size = {name} }}",
    "scorer x : predictive_perplexity {{ prover = {name} }}", 'segmenter x : step_header {{ marker = "{name}" }}',
    'import "{name}" as x', 'extends "{name}.cord"', "let {name} = 1",
]  # fmt: skip
RIGHT = HEAD + "model a : mini { name = adder }\nsearch s : beam { size = 4 }\nsegmenter g : step_header {}\n"
RIGHT += "scorer p : predictive_perplexity { prover = a }\n"


@pytest.mark.item("S1")
def test_no_name_in_a_spec_is_imported_called_or_opened(tmp_path: Path) -> None:
    """S1: three hundred hostile specs under an audit hook."""
    specs = [RIGHT, *(HEAD + place.format(name=payload) + "\n" for payload in PAYLOADS for place in PLACES)]
    assert len(specs) > 300
    (tmp_path / "specs.json").write_text(json.dumps(specs))
    command = [sys.executable, "-I", "-c", WATCHED, str(tmp_path / "specs.json")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["events"] == []
    assert sum(bool(codes) for codes in found["codes"]) > 250


@pytest.mark.item("S1")
def test_the_hook_sees_an_import(tmp_path: Path) -> None:
    """The check above can fail: a component that is installed and new to the process is imported."""
    more = RIGHT + "search c : curation {}\n"
    (tmp_path / "specs.json").write_text(json.dumps([RIGHT, more]))
    command = [sys.executable, "-I", "-c", WATCHED, str(tmp_path / "specs.json")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False, timeout=120)
    assert any("searches/curation" in name for _, name in json.loads(done.stdout)["events"])


def installed(directory: Path, name: str, version: str = "1.0") -> EntryPoint:
    """An entry point of a distribution that lies in a directory."""
    info = directory / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True, exist_ok=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    module = name.replace("-", "_")
    (directory / f"{module}.py").write_text(f"open({str(directory / 'imported')!r}, 'w').close()\n")
    point = EntryPoint("scorer.other", module, "cordspec")
    vars(point)["dist"] = PathDistribution(info)
    return point


@pytest.mark.item("S3")
@pytest.mark.parametrize(
    ("said", "allowed"),
    [
        (None, True),
        ("cordspec-other", True),
        ("Cordspec_Other", True),
        ("x, cordspec-other==1.0", True),
        ("cordspec-other==2.0", False),
        ("x", False),
        ("none", False),
        ("", False),
    ],
)
def test_the_operator_lists_the_plugins_that_may_be_loaded(
    said: str | None, allowed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S3: what is not listed, or is of another version, is not even imported."""
    if said is None:
        monkeypatch.delenv("CORDSPEC_PLUGINS", raising=False)
    else:
        monkeypatch.setenv("CORDSPEC_PLUGINS", said)
    monkeypatch.syspath_prepend(str(tmp_path))
    sys.modules.pop("cordspec_other", None)
    registry = Registry([installed(tmp_path, "cordspec-other")])
    with pytest.raises(RegistryError) as caught:
        registry.get("scorer", "other")
    assert caught.value.code == ("E302" if allowed else "E332")
    assert (tmp_path / "imported").exists() == allowed


@pytest.mark.item("S3")
def test_two_plugins_of_one_name_are_refused_and_neither_is_imported(tmp_path: Path) -> None:
    points = [installed(tmp_path / "a", "cordspec-other"), installed(tmp_path / "b", "cordspec-else")]
    with pytest.raises(RegistryError) as caught:
        Registry(points).get("scorer", "other")
    assert caught.value.code == "E303"
    assert not list(tmp_path.rglob("imported"))


@pytest.mark.item("S4")
def test_a_distribution_that_lies_in_the_checkout_is_not_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert list(Policy.installed([installed(tmp_path / "repo", "cordspec-evil")])) == []
    (tmp_path / ".git").mkdir()
    (tmp_path / "specs").mkdir()
    monkeypatch.chdir(tmp_path / "specs")
    assert list(Policy.installed([installed(tmp_path / "repo", "cordspec-evil")])) == []
    elsewhere = tmp_path.parent / "site"
    assert len(list(Policy.installed([installed(elsewhere, "cordspec-good")]))) == 1
    monkeypatch.setattr("site.getusersitepackages", lambda: str(tmp_path / "user"))  # somebody at home in a repository
    assert len(list(Policy.installed([installed(tmp_path / "user", "cordspec-mine")]))) == 1


PLANTED = "open({marker!r}, 'a').write(__name__ + '\\n')\nraise SystemExit('planted')\n"
MODULES = (
    "lark",
    "pydantic",
    "pluggy",
    "importlib_metadata",
    "email",
    "csv",
    "argparse",
    "difflib",
    "json",
    "sitecustomize",
)


@pytest.fixture
def hostile(tmp_path: Path) -> tuple[Path, Path]:
    """A checkout with planted modules and a planted plugin, and the marker that they would write."""
    repo, marker = tmp_path / "repo", tmp_path / "marker"
    repo.mkdir()
    for name in MODULES:
        (repo / f"{name}.py").write_text(PLANTED.format(marker=str(marker)))
    info = repo / "evil-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: evil\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[cordspec]\nsearch.beam = evil\nscorer.evil = evil\n[pydantic]\nevil = evil\n"
    )
    (repo / "evil.py").write_text(PLANTED.format(marker=str(marker)))
    shutil.copy(ROOT / "specs" / "hello.cord", repo)
    return repo, marker


def validate(repo: Path, *how: str, **environment: str) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "CI", "PYTHONSAFEPATH")}
    command = [*how, "validate", "hello.cord"]
    return subprocess.run(
        command, capture_output=True, text=True, cwd=repo, env={**env, **environment}, check=False, timeout=120
    )


SCRIPT = str(Path(sys.executable).with_name("cordspec"))


@pytest.mark.item("S4")
@pytest.mark.parametrize(
    "how",
    [[SCRIPT], [sys.executable, "-m", "cordspec"], [sys.executable, "-P", "-m", "cordspec"],
     [sys.executable, "-I", "-m", "cordspec"]],
    ids=["script", "module", "safe path", "isolated"],
)  # fmt: skip
def test_planted_modules_and_distributions_are_ignored(hostile: tuple[Path, Path], how: list[str]) -> None:
    """S4."""
    repo, marker = hostile
    done = validate(repo, *how)
    assert done.returncode == 0, done.stderr
    assert not marker.exists()


@pytest.mark.item("S4")
def test_a_checkout_on_the_import_path_is_refused_in_ci(hostile: tuple[Path, Path]) -> None:
    """S4: Python itself imports what PYTHONPATH leads to; in CI that is an error, with its own exit code."""
    repo, _ = hostile
    for name in MODULES:
        (repo / f"{name}.py").unlink()
    done = validate(repo, SCRIPT, PYTHONPATH=".", CI="true")
    assert done.returncode == 7
    assert "error[E503]" in done.stderr
    assert validate(repo, SCRIPT, CI="true").returncode == 0


SECRET = "TOP-SECRET-LINE"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with files beside and around it that no spec may have read."""
    root = tmp_path / "outer" / "project"
    (root / "specs").mkdir(parents=True)
    (root / ".git").mkdir()
    for place in (tmp_path / "outer" / "secret.cord", root / ".env", root / "notes.txt", tmp_path / "secret.cord"):
        place.write_text(f"cord 1\n{SECRET} = = =\n")
    (root / "specs" / "link.cord").symlink_to(tmp_path / "secret.cord")
    (root / "specs" / "directory.cord").mkdir()
    (root / "specs" / "fine.cord").write_text("cord 1\nlet x = 1\n")
    os.mkfifo(root / "specs" / "fifo.cord")
    (root / "specs" / "up").symlink_to(tmp_path, target_is_directory=True)
    return root


PATHS = [
    "/etc/passwd", "/etc/passwd.cord", "~/x.cord", "~root/x.cord", "../../secret.cord", "../../../secret.cord",
    "../../outer/secret.cord", "link.cord", "up/secret.cord", "up/outer/secret.cord", "../.env", "../notes.txt",
    "directory.cord", "fifo.cord", "fine.cord/", "fine.cord/x.cord", "missing.cord", "", ".", "..", "/", "//", "C:/x.cord",
    "C:\\\\x.cord", "\\\\\\\\host\\\\x.cord", "file:///etc/x.cord", "http://localhost/x.cord", "https://localhost/x.cord", "x.cord\\x00",
    "/dev/zero", "/dev/stdin", "/dev/fd/0", "/proc/self/environ", "/proc/self/fd/0.cord", "nul", "CON.cord", "a" * 300 + ".cord",
    "a/" * 200 + "x.cord", "fine.CORD", "fine.cord ", " fine.cord", "*.cord", "fine.cord?x", "fine.cord#x", "$HOME/x.cord",
    "%2e%2e/x.cord", "..\\u002f..\\u002fx.cord", "./../../secret.cord", "specs/../../../secret.cord", "fine.cord\\n", "fine\\u202e.cord",
]  # fmt: skip


@pytest.mark.item("S11", "S12")
@pytest.mark.parametrize("statement", ['import "{}" as x', 'extends "{}"'])
def test_paths_stay_inside_the_project_and_nothing_outside_is_printed(project: Path, statement: str) -> None:
    """S11, S12: a hundred hostile paths; one diagnostic each, and no line of a file that was not to be read."""
    for path in PATHS:
        text = f"cord 1\n{statement.format(path)}\nexperiment e {{}}\n"
        source = Source(str(project / "specs" / "main.cord"), text)
        experiment, found = resolve(source, Registry())
        assert experiment is None, path
        assert found[0].code in ("E006", "E106", "E107", "E007"), (path, found)
        for format in FORMATS:
            assert SECRET not in render(found, format)
    right = Source(str(project / "specs" / "main.cord"), 'cord 1\nimport "fine.cord" as x\nexperiment e {}\n')
    assert resolve(right, Registry())[0] is not None


@pytest.mark.item("S11")
@pytest.mark.parametrize("path", ["/dev/zero", "/dev/null"])
def test_a_device_is_no_spec(path: str) -> None:
    with pytest.raises(ValueError, match="not a regular file"):
        read_text(Path(path))


@pytest.mark.item("S13")
def test_validate_opens_no_socket_and_resolves_no_name(tmp_path: Path) -> None:
    """S13: under an audit hook, and without any network where the system lets us take it away."""
    shutil.copytree(ROOT / "specs", tmp_path / "specs")
    code = (
        "import sys; events = []; sys.addaudithook(lambda e, a: events.append(e) if e.startswith('socket') else None)\n"
    )
    code += "from cordspec.cli.main import main\ncode = main(['validate', 'specs', '--format', 'json'])\n"
    code += "print(events, file=sys.stderr); sys.exit(code)"
    command = [sys.executable, "-I", "-c", code]
    if subprocess.run(["unshare", "-rn", "true"], capture_output=True, check=False).returncode == 0:
        command = ["unshare", "-rn", *command]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stderr.strip().splitlines()[-1] == "[]"


@pytest.mark.item("S7")
def test_no_pickle_is_read(tmp_path: Path) -> None:
    code = "import sys\ndef stop(e, a):\n    if e == 'pickle.find_class': raise SystemExit('pickle')\nsys.addaudithook(stop)\n"
    code += f"from cordspec.cli.main import main\nsys.exit(main(['validate', {str(ROOT / 'specs' / 'hello.cord')!r}]))"
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr


@pytest.mark.item("S19")
def test_an_untrusted_spec_is_checked_in_a_confined_process(cordspec: Run, tmp_path: Path) -> None:
    """S19."""
    (tmp_path / "good.cord").write_text(RIGHT)
    (tmp_path / "bad.cord").write_text(HEAD + "search x : beem {}\n")
    assert cordspec("validate", "--untrusted", "good.cord").returncode == 0
    bad = cordspec("validate", "--untrusted", "--format", "concise", "bad.cord")
    assert bad.returncode == 1 and "error[E301]" in bad.stdout


CONFINED = "from cordspec.cli.confined import confine; confine()\n"


@pytest.mark.item("S19")
@pytest.mark.parametrize(
    "act",
    ["import socket; socket.socket().connect(('127.0.0.1', 9))", "open('written', 'w')", "import os; os.fork()",
     "import subprocess; subprocess.run(['true'])", "b'x' * (1 << 30)", "while True: pass"],
)  # fmt: skip
def test_confinement_stops_whatever_checking_never_does(act: str, tmp_path: Path) -> None:
    command = [sys.executable, "-I", "-c", CONFINED + act]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False, timeout=60)
    assert done.returncode != 0
    assert not (tmp_path / "written").exists()


@pytest.mark.item("S19")
def test_what_was_stopped_is_told_with_a_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import argparse

    from cordspec.cli import confined

    monkeypatch.setattr(subprocess, "run", lambda *a, **k: subprocess.CompletedProcess(a, -9))
    options = argparse.Namespace(format="concise", paths=["x.cord"], set=[])
    assert confined.validate_confined(options) == 1
    assert "error[E504" in capsys.readouterr().out


@pytest.mark.item("S20")
def test_no_option_of_a_component_is_a_regular_expression() -> None:
    """S20: cues and markers of specs are literal texts, so there is nothing to blow up; ours are linted by this test."""
    import re

    sources = [*(ROOT / "cordspec").rglob("*.py"), *(ROOT / "plugins").rglob("*.py")]
    patterns = [
        p for file in sources for p in re.findall(r're\.compile\(\s*r?f?"([^"]*)"', file.read_text(encoding="utf-8"))
    ]
    assert patterns
    nested = re.compile(r"\([^()]*[+*][^()]*\)[+*]")
    assert [pattern for pattern in patterns if nested.search(pattern)] == []


@pytest.mark.item("S21")
@pytest.mark.parametrize(
    "character", ["\u202e", "\u2066", "\u200f", "\u061c", "\u2069", "\u202a"], ids=lambda c: f"U+{ord(c):04X}"
)
@pytest.mark.parametrize("place", ["# {}", 'let x = "{}"', "let x{} = 1", 'let x = """{}"""'])
def test_characters_that_turn_the_direction_are_refused_everywhere(character: str, place: str) -> None:
    """S21."""
    found = resolve(Source("t.cord", HEAD + place.format(character) + "\n"), Registry())[1]
    assert [one.code for one in found] == ["E008"]


@pytest.mark.item("S21")
@pytest.mark.parametrize("letter", ["\u0430", "\u03bf", "\uff41", "\u0131", "\u200b", "\u00e9"])
def test_names_are_ascii(letter: str) -> None:
    """S21: a letter that looks like another one is named."""
    found = resolve(Source("t.cord", HEAD + f"search b{letter}am : beam {{}}\n"), Registry())[1]
    assert any(one.code == "E002" for one in found)


SEQUENCES = [
    "\x1b[31m", "\x1b]0;title\x07", "\x1b]8;;http://x\x1b\\", "\x9b31m", "\x07", "\x08", "\r", "\x0b", "\x0c", "\x7f",
    "\x85", "\x1bc", "\x1b[2J", "\x1b[?1049h", "\x1bP1$r\x1b\\", "[link=http://x]y[/link]", "[/]", "[bold]", "\u202e", "\u2028",
]  # fmt: skip


@pytest.mark.item("S22")
@pytest.mark.parametrize("sequence", SEQUENCES, ids=[f"{number}" for number in range(len(SEQUENCES))])
def test_no_control_sequence_reaches_a_terminal(sequence: str, cordspec: Run, tmp_path: Path) -> None:
    """S22: in texts, comments, names of files and of settings."""
    (tmp_path / "t.cord").write_text(
        f'cord 1\n# {sequence}\nexperiment e {{ seed = "{sequence}" }}\n', encoding="utf-8"
    )
    for arguments in (["validate", "t.cord"], ["validate", "t.cord", "--format", "concise"], ["fmt", "--diff", "t.cord"],
                      ["plan", "t.cord"], ["validate", f"{sequence}.cord"], ["validate", "t.cord", "--set", f"e.x={sequence}"],
                      ["explain", sequence]):  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-m", "cordspec", *arguments], capture_output=True, cwd=tmp_path, check=False, timeout=60
        )
        shown = (done.stdout + done.stderr).decode("utf-8")
        if arguments[0] == "fmt":
            continue  # a diff is read by programs: it has the bytes of the file
        assert not set(shown) & {*map(chr, range(32)), *map(chr, range(127, 160)), "\u202e"} - {"\n"}, arguments


@pytest.mark.item("S23")
@pytest.mark.parametrize(
    "vector", ["::add-mask::x", "::error::x", "::stop-commands::x", "##[error]x", "::set-output name=a::b"]
)
def test_no_line_of_output_is_a_command_to_the_runner(vector: str, cordspec: Run, tmp_path: Path) -> None:
    """S23: but for our own annotations."""
    text = f'cord 1\nexperiment e {{ seed = "\n{vector}\n" }}\n{vector}\n# {vector}\nlet a = "{vector}"\n'
    (tmp_path / "t.cord").write_text(text)
    for format in ("text", "concise", "github", "json", "sarif"):
        done = cordspec("validate", "t.cord", "--format", format, "--set", f"e.seed={vector}")
        for line in (done.stdout + done.stderr).splitlines():
            assert not line.lstrip().startswith("##[")
            if line.lstrip().startswith("::"):
                assert format == "github" and line.startswith(("::error file=", "::error title=", "::warning "))


@pytest.mark.item("S23")
def test_annotations_escape_what_would_end_them() -> None:
    source = Source("a,b:c.cord", HEAD + "search x : beam { sise = 1 }\n")
    shown = render(resolve(source, Registry())[1], "github")
    assert "file=a%2Cb%3Ac.cord," in shown and "\n" not in shown


@pytest.mark.item("S11", "S12")
def test_a_link_out_of_the_project_is_not_followed(cordspec: Run, tmp_path: Path) -> None:
    """S12: neither when it is found in a directory nor when it is named."""
    outside = tmp_path / "outside.txt"
    outside.write_text(SECRET)
    repo = tmp_path / "repo"
    (repo / ".git").mkdir(parents=True)
    (repo / "x.cord").symlink_to(outside)
    (repo / "env.cord").symlink_to("/proc/self/environ")
    for arguments in (["validate", "repo"], ["validate", "repo/x.cord"], ["validate", "--untrusted", "repo/x.cord"],
                      ["fmt", "--diff", "repo/x.cord"], ["validate", "repo/env.cord"]):  # fmt: skip
        done = cordspec(*arguments, SECRET_NAME=SECRET)
        assert done.returncode != 0 and SECRET not in done.stdout + done.stderr, arguments


def test_what_a_confined_check_says_goes_into_a_file_too(tmp_path: Path) -> None:
    (tmp_path / "bad.cord").write_text(HEAD + "search x : beem {}\n")
    with (tmp_path / "out").open("w") as out:
        command = [sys.executable, "-m", "cordspec", "validate", "--untrusted", "--format", "json", "bad.cord"]
        done = subprocess.run(command, stdout=out, cwd=tmp_path, check=False, timeout=60)
    assert done.returncode == 1
    assert json.loads((tmp_path / "out").read_text())["error_count"] == 1


@pytest.mark.item("S3", "S19")
def test_the_operators_list_holds_in_a_confined_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import argparse

    from cordspec.cli import confined

    seen: list[dict[str, str]] = []

    def record(command: list[str], **more: object) -> subprocess.CompletedProcess[bytes]:
        seen.append(more["env"])  # type: ignore[arg-type]
        return subprocess.CompletedProcess(command, 0, b"", b"")

    monkeypatch.setenv("CORDSPEC_PLUGINS", "none")
    monkeypatch.setattr(subprocess, "run", record)
    confined.validate_confined(argparse.Namespace(format="text", paths=["x.cord"], set=[]))
    assert seen[0]["CORDSPEC_PLUGINS"] == "none"


@pytest.mark.item("S19")
@pytest.mark.parametrize("act", ["import os; os.open('made', os.O_CREAT | os.O_WRONLY)", "import os; os.mkdir('made')"])
def test_confinement_leaves_the_disk_alone(act: str, tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-I", "-c", CONFINED + act], capture_output=True, cwd=tmp_path, check=False)
    assert done.returncode != 0 and not (tmp_path / "made").exists()


@pytest.mark.item("S23")
def test_a_file_may_not_be_named_like_a_command_to_the_runner(cordspec: Run, tmp_path: Path) -> None:
    (tmp_path / "::error title=x::t.cord").write_text(HEAD + "search x : beem {}\n")
    done = cordspec("validate", "--format", "concise", ".")
    assert not any(line.startswith("::") for line in done.stdout.splitlines())
