"""The editor extension as an editor has it: VS Code's own tokeniser, the real packer, and the packed extension started."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from pygments.token import Comment, Error, Keyword, Name, Number, Operator, Punctuation, String, _TokenType

from cordspec.highlight import CordLexer

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1_200)]

NO_NETWORK = re.compile(r"ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|E40\d|E50\d")
LARGEST_PACKAGE = 500_000

TYPES: dict[str, _TokenType] = {
    "comment.line.documentation": String.Doc,
    "comment.line.number-sign": Comment.Single,
    "constant.character.escape": String.Escape,
    "constant.language.boolean": Keyword.Constant,
    "constant.numeric": Number,
    "entity.name.function": Name.Function,
    "entity.name.namespace": Name.Namespace,
    "invalid": Error,
    "keyword.control.import": Keyword.Namespace,
    "keyword.control.like": Keyword,
    "keyword.operator": Operator,
    "keyword.other.reserved": Keyword.Reserved,
    "keyword.other.unit": Keyword.Type,
    "punctuation.accessor": Punctuation,
    "punctuation.section": Punctuation,
    "punctuation.separator": Punctuation,
    "storage.type": Keyword.Declaration,
    "string.quoted.double": String.Double,
    "string.quoted.triple": String.Heredoc,
    "support.class": Name.Class,
    "variable.other.constant": Name.Constant,
    "variable.other.cord": Name,
    "variable.other.property": Name.Attribute,
}
"""What a scope is called in Pygments."""

WRITTEN = '''cord 1
import "presets/math.cord" as math
extends "main.cord"
let long = 2_048tok  # a comment
## What it is.
search beam4 : std.beam { size = 4, budget.thinking = long, share = 1..2.5%, lr = 5e-6, model = math.set, on = true }
search other like math.beam4 { text = """two "quoted" {
# lines""", list = [-3.5min, "a\\tb\\q", { model = [model, search] }] }
model model : mini { as = @, seed = "\\xg" }
decode unclosed { list = [1, { a = "also not closed
student small : sft { x = [1, 2 }
let last = 1_000
'''

RECORDER = """#!{python}
import json, sys

log = open({log!r}, "a", buffering=1)
log.write(" ".join(sys.argv[1:]) + chr(10))
while True:
    length = 0
    while header := sys.stdin.buffer.readline().strip():
        length = int(header.split(b":")[1]) if header.lower().startswith(b"content-length") else length
    message = json.loads(sys.stdin.buffer.read(length))
    log.write(message["method"] + chr(10))
    if message["method"] == "exit":
        break
    if "id" in message:
        result = {{"capabilities": {{}}}} if message["method"] == "initialize" else None
        answer = json.dumps({{"jsonrpc": "2.0", "id": message["id"], "result": result}}).encode()
        sys.stdout.buffer.write(b"Content-Length: %d" % len(answer) + b"\\r\\n\\r\\n" + answer)
        sys.stdout.buffer.flush()
"""
"""A language server that writes down how it is called and what it is asked."""


def node(*arguments: str | Path, cwd: Path) -> str:
    done = subprocess.run(
        [str(argument) for argument in arguments], cwd=cwd, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def extension(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The extension's directory in a temporary place, with the npm packages that its lock names."""
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("node and npm are not installed")
    place = tmp_path_factory.mktemp("editors") / "vscode"
    left_out = shutil.ignore_patterns("node_modules", "*.vsix")
    shutil.copytree(root / "editors" / "vscode", place, ignore=left_out)
    command = ["npm", "ci", "--ignore-scripts", "--no-audit"]
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode and os.environ.get("CI") != "true" and NO_NETWORK.search(done.stderr):
        pytest.skip("the npm packages cannot be had: no registry in reach")
    assert done.returncode == 0, done.stderr
    return place


@pytest.fixture(scope="module")
def packed(extension: Path) -> Path:
    node("npm", "run", "package", cwd=extension)
    (package,) = extension.glob("*.vsix")
    return package


@pytest.fixture(scope="module")
def unpacked(packed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("unpacked")
    with zipfile.ZipFile(packed) as archive:
        archive.extractall(place)
    return place / "extension"


def coloured(scopes: list[str]) -> _TokenType | None:
    """The Pygments type of the innermost scope that has one."""
    types = (kind for scope in reversed(scopes) for name, kind in TYPES.items() if scope.startswith(name))
    return next(types, None)


def test_editor_and_pygments_colour_every_character_alike(root: Path, extension: Path, tmp_path: Path) -> None:
    written = tmp_path / "written.cord"
    written.write_text(WRITTEN)
    paths = [*sorted((root / "specs").rglob("*.cord")), written]
    found = json.loads(node("node", "test/tokens.js", *paths, cwd=extension))
    for path, tokens in zip(paths, found, strict=True):
        text = path.read_text()
        assert max(text) < "\U00010000", "the editor counts UTF-16 units, Python counts characters"
        editor = {at: coloured(scopes) for start, end, scopes in tokens for at in range(start, end)}
        pygments = {
            at: Number if kind in Number else kind
            for start, kind, part in CordLexer().get_tokens_unprocessed(text)
            for at in range(start, start + len(part))
        }
        visible = [at for at, character in enumerate(text) if not character.isspace()]
        differ = [
            (text[at : at + 12], editor.get(at), pygments[at]) for at in visible if editor.get(at) != pygments[at]
        ]
        assert differ == [], path.name
        if path != written:
            assert Error not in editor.values(), path.name


def test_the_package_holds_what_runs_and_nothing_else(packed: Path) -> None:
    with zipfile.ZipFile(packed) as archive:
        names = set(archive.namelist())
    own = {name for name in names if "/node_modules/" not in name}
    assert own == {
        "[Content_Types].xml",
        "extension.vsixmanifest",
        "extension/LICENSE.txt",
        "extension/language-configuration.json",
        "extension/package.json",
        "extension/readme.md",
        "extension/src/extension.js",
        "extension/syntaxes/cord.tmLanguage.json",
    }
    shipped = {name.split("/")[2] for name in names - own}
    assert "vscode-languageclient" in shipped
    assert not shipped & {"@vscode", "vscode-textmate", "vscode-oniguruma"}
    assert packed.stat().st_size < LARGEST_PACKAGE


def test_the_packed_extension_starts_and_ends_the_server(extension: Path, unpacked: Path, tmp_path: Path) -> None:
    log, program = tmp_path / "log", tmp_path / "cordspec"
    program.write_text(RECORDER.format(python=sys.executable, log=str(log)))
    program.chmod(0o755)
    assert json.loads(node("node", "test/start.js", unpacked, program, cwd=extension)) == {"shown": []}
    once = ["lsp", "initialize", "initialized", "shutdown", "exit"]
    assert log.read_text().split() == [*once, *once]  # activated, restarted, deactivated


def test_nothing_starts_in_a_workspace_that_is_not_trusted(extension: Path, unpacked: Path, tmp_path: Path) -> None:
    program = tmp_path / "cordspec"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/started\n")
    program.chmod(0o755)
    assert json.loads(node("node", "test/start.js", unpacked, program, "restricted", cwd=extension)) == {"shown": []}
    assert not (tmp_path / "started").exists()


def test_a_missing_program_is_told_with_what_to_do(extension: Path, unpacked: Path, tmp_path: Path) -> None:
    told = json.loads(node("node", "test/start.js", unpacked, tmp_path / "cordspec", cwd=extension))["shown"]
    assert any("pip install cordspec" in message and "cordspec.path" in message for message in told)


def test_the_packed_extension_starts_our_language_server(extension: Path, unpacked: Path) -> None:
    program = Path(sys.executable).with_name("cordspec")
    assert json.loads(node("node", "test/start.js", unpacked, program, cwd=extension)) == {"shown": []}
