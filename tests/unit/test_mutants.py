"""The list of bugs that `make nightly` plants is one that can be planted."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.mutants import MUTANTS, Mutant


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.bug)
def test_a_bug_can_be_planted_and_its_tests_are_there(root: Path, mutant: Mutant) -> None:
    text = (root / mutant.file).read_text(encoding="utf-8")
    assert text.count(mutant.before) == 1
    compile(text.replace(mutant.before, mutant.after), mutant.file, "exec")
    for test in mutant.tests:
        path, _, name = test.partition("::")
        assert not name or f"def {name.partition('[')[0]}(" in (root / path).read_text(encoding="utf-8")


def test_there_are_enough() -> None:
    assert len(MUTANTS) >= 25 and len({one.bug for one in MUTANTS}) == len(MUTANTS)
