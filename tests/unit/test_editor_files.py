"""The editor files say what the parser says: kinds, words, names of files, commands and settings."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from cordspec.highlight import LANGUAGE_WORDS
from cordspec.syntax.parser import KINDS

ROOT = Path(__file__).parents[2]
EXTENSION = ROOT / "editors" / "vscode"
GRAMMAR = EXTENSION / "syntaxes" / "cord.tmLanguage.json"


def read(path: Path) -> dict:
    return json.loads(path.read_text())


def patterns(node: object) -> list[str]:
    """Every regular expression of a TextMate grammar."""
    if isinstance(node, list):
        return [pattern for one in node for pattern in patterns(one)]
    if isinstance(node, dict):
        own = [value for key, value in node.items() if key in ("match", "begin", "end")]
        return own + [pattern for value in node.values() for pattern in patterns(value)]
    return []


def words(patterns: list[str]) -> set[str]:
    """The literal words in regular expressions."""
    return {word for pattern in patterns for word in re.findall(r"(?<![\\\w-])[a-z]{2,}(?![\w-])", pattern)}


def reserved() -> set[str]:
    """The words that stand in the grammar of the language."""
    text = re.sub(r"//.*", "", (ROOT / "cordspec" / "syntax" / "grammar.lark").read_text())
    quoted = set(re.findall(r'"([a-z]+)"', text))
    (alternatives,) = re.findall(r"^BOOL\S*\s*: /\(([a-z|]+)\)", text, re.MULTILINE)
    return quoted | set(alternatives.split("|"))


def test_the_kinds_of_block_are_those_of_the_parser() -> None:
    grammar = read(GRAMMAR)
    lists = [
        found.split("|")
        for pattern in patterns(grammar)
        for found in re.findall(r"\(\?:([a-z|]+)\)\(\?!\[A-Za-z0-9_\]\)\(\?!\\s\*\[=\.\]\)", pattern)
    ]
    begins, *ends = sorted(lists, key=len)
    assert begins == sorted(KINDS - {"import", "extends", "let"})
    assert {"import", "extends"} <= words(patterns(grammar["repository"]["import"]))
    assert "let" in words(patterns(grammar["repository"]["let"]))
    assert ends == [sorted(KINDS)] * 3


def test_every_word_of_the_language_has_a_colour() -> None:
    assert reserved() == {*LANGUAGE_WORDS, "true", "false"}
    assert reserved() <= words(patterns(read(GRAMMAR)))


def test_the_included_rules_exist_and_each_is_used() -> None:
    grammar = read(GRAMMAR)
    included = set(re.findall(r'"include": "#(\w+)"', GRAMMAR.read_text()))
    assert included == set(grammar["repository"])


def test_the_manifest_names_files_that_are_there() -> None:
    manifest = read(EXTENSION / "package.json")
    contributed = manifest["contributes"]
    named = [
        manifest["main"],
        *(language["configuration"] for language in contributed["languages"]),
        *(grammar["path"] for grammar in contributed["grammars"]),
    ]
    assert [name for name in named if not (EXTENSION / name).is_file()] == []
    assert contributed["grammars"][0]["scopeName"] == read(GRAMMAR)["scopeName"]
    assert (EXTENSION / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()


def test_the_manifest_declares_the_commands_and_settings_that_the_code_uses() -> None:
    contributed = read(EXTENSION / "package.json")["contributes"]
    code = (EXTENSION / "src" / "extension.js").read_text()
    assert re.findall(r'registerCommand\("([\w.]+)"', code) == [one["command"] for one in contributed["commands"]]
    settings = contributed["configuration"]["properties"]
    assert set(re.findall(r'affectsConfiguration\("([\w.]+)"', code)) == set(settings)


def test_dependencies_are_pinned_and_the_lock_names_no_host() -> None:
    manifest, lock = read(EXTENSION / "package.json"), read(EXTENSION / "package-lock.json")
    wanted = manifest["dependencies"] | manifest["devDependencies"]
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in wanted.values())
    assert wanted == {name: lock["packages"][f"node_modules/{name}"]["version"] for name in wanted}
    assert all("integrity" in package for place, package in lock["packages"].items() if place)
    assert "://" not in json.dumps([package.get("resolved", "") for package in lock["packages"].values()])


@pytest.mark.parametrize(
    ("line", "deeper"),
    [
        ("decode traces {", True),
        ("  teachers = [  # who writes", True),
        ('  text = "}" x = {', True),
        ("model a : mini { name = a }", False),
        ("# not here {", False),
        ('  marker = "{"', False),
        ("}", False),
    ],
)
def test_the_editor_indents_after_an_open_bracket(line: str, deeper: bool) -> None:
    rules = read(EXTENSION / "language-configuration.json")["indentationRules"]
    assert bool(re.search(rules["increaseIndentPattern"], line)) is deeper
    assert bool(re.search(rules["decreaseIndentPattern"], line)) is (line == "}")
