"""The table in SECURITY.md and the tests say the same: which item is held, and by which tests."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "SECURITY.md"
ITEMS = {f"S{number}" for number in range(1, 32)}
STATES = {"held", "partly", "absent"}

Named = set[tuple[str, str]]
"""Pairs of an item and a test, as ``tests/...py::name``."""


def rows(text: str) -> Iterator[tuple[str, str, list[str]]]:
    """Item, state and tests of each row."""
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if len(cells) == 4 and re.fullmatch(r"S\d+", cells[0]):
            yield cells[0], cells[2].split(":")[0].split()[0], cells[3].replace("`", "").split("<br>")


def in_table(text: str) -> Named:
    """A line of a cell is a file with the names of tests in it: ``tests/x.py: one, another``."""
    found: Named = set()
    for item, _, tests in rows(text):
        for said in tests:
            file, _, names = said.partition(":")
            found |= {(item, f"{file.strip()}::{name.strip()}") for name in names.split(",") if name.strip()}
    return found


def in_tests(files: list[Path]) -> Named:
    """What the markers of the tests say."""
    found: Named = set()
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                continue
            for mark in node.decorator_list:
                if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.item":
                    found |= {(ast.literal_eval(one), f"{file.relative_to(ROOT)}::{node.name}") for one in mark.args}
    return found


TESTS = sorted((ROOT / "tests").rglob("test_*.py"))


def test_every_item_has_a_row_a_state_and_a_test() -> None:
    found = list(rows(DOCUMENT.read_text()))
    assert [item for item, _, _ in found] == sorted(ITEMS, key=lambda item: int(item[1:]))
    assert {state for _, state, _ in found} <= STATES
    assert {item for item, _ in in_table(DOCUMENT.read_text())} == ITEMS


def test_the_table_names_the_tests_that_name_the_items() -> None:
    table, tests = in_table(DOCUMENT.read_text()), in_tests(TESTS)
    assert table - tests == set(), "in the table, but no test of this name is marked with this item"
    assert tests - table == set(), "marked with this item, but not in the table"


@pytest.mark.parametrize("change", ["a row less", "a test less", "another name"])
def test_that_check_can_fail(change: str) -> None:
    text = DOCUMENT.read_text()
    row = next(line for line in text.splitlines() if line.startswith("| S14 "))
    other = {
        "a row less": "",
        "a test less": row.replace("test_a_redirect_is_not_followed, ", ""),
        "another name": row.replace("redirect_is", "x"),
    }
    changed = text.replace(row, other[change])
    assert changed != text and in_table(changed) != in_tests(TESTS)


def test_the_document_names_nobody_and_says_how_to_report() -> None:
    text = DOCUMENT.read_text()
    assert "private vulnerability reporting" in text
    assert not re.search(r"[\w.]+@[\w-]+\.\w", text)
