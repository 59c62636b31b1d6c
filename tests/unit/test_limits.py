"""Limits are checked before the work that they limit: at the limit a spec passes, one beyond it is one diagnostic."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cordspec.diagnostics import Diagnostic, Source
from cordspec.extension.registry import Registry
from cordspec.model import resolve
from cordspec.model.library import DEEPEST, MOST_FILES
from cordspec.syntax import parse
from tests.unit.timing import within

HEAD = "cord 1\nexperiment e {}\n"


def codes(text: str) -> list[str]:
    with within(1.0):
        found = parse(Source("t.cord", text))[1]
    return [one.code for one in found]


def padded(size: int) -> str:
    return HEAD + "#" * (size - len(HEAD))


@pytest.mark.item("S18")
@pytest.mark.parametrize(
    ("make", "limit", "code"),
    [
        (padded, 256 * 1024, "E401"),
        (lambda n: f"{HEAD}let a = {'[' * n}1{']' * n}\n", 64, "E402"),
        (lambda n: f"{HEAD}let {'a' * n} = 1\n", 200, "E403"),
        (lambda n: "cord 1\n" + "let a=1 " * ((n - 2) // 4) + "7 " * ((n - 2) % 4), 30_000, "E405"),
    ],
)
def test_a_limit_holds_exactly_and_far_beyond(make: Callable[[int], str], limit: int, code: str) -> None:
    assert code not in codes(make(limit - 1))
    assert code not in codes(make(limit))
    assert code in codes(make(limit + 1))
    assert codes(make(limit * 1_000 if limit < 1_000 else limit * 20))[0] in (code, "E401", "E405")


@pytest.mark.item("S18")
def test_a_spec_of_many_files_or_of_a_long_chain_is_refused(tmp_path: Path) -> None:
    def spec(count: int, chained: bool) -> list[Diagnostic]:
        names = [f"f{number}.cord" for number in range(count)]
        for number, name in enumerate(names):
            follows = f'extends "f{number + 1}.cord"\n' if chained and number + 1 < count else ""
            (tmp_path / name).write_text(f"cord 1\n{follows}let a{number} = 1\n")
        uses = 'extends "f0.cord"\n' if chained else "".join(f'extends "{name}"\n' for name in names)
        return resolve(Source(str(tmp_path / "main.cord"), f"cord 1\n{uses}experiment e {{}}\n"), Registry())[1]

    assert [one.code for one in spec(MOST_FILES - 1, chained=False)] == []
    assert {one.code for one in spec(MOST_FILES + 1, chained=False)} == {"E404"}
    assert [one.code for one in spec(DEEPEST, chained=True)] == []
    assert [one.code for one in spec(DEEPEST + 1, chained=True)] == ["E404"]


@pytest.mark.item("S18")
def test_files_are_counted_together(tmp_path: Path) -> None:
    for number in range(12):
        (tmp_path / f"f{number}.cord").write_text("cord 1\n" + "#" * 200_000)
    uses = "".join(f'extends "f{number}.cord"\n' for number in range(12))
    found = resolve(Source(str(tmp_path / "main.cord"), f"cord 1\n{uses}experiment e {{}}\n"), Registry())[1]
    assert {one.code for one in found} == {"E401"}


def test_a_diamond_of_files_reads_each_once(tmp_path: Path) -> None:
    """The patch of one side stays, although the other side leads to the base too."""
    search = "search s : beam { size = 4 }\n"
    (tmp_path / "base.cord").write_text(f"cord 1\n{search}")
    (tmp_path / "left.cord").write_text('cord 1\nextends "base.cord"\nsearch s { size = 7 }\n')
    (tmp_path / "right.cord").write_text('cord 1\nextends "base.cord"\n')
    text = 'cord 1\nextends "left.cord"\nextends "right.cord"\nexperiment e {}\n'
    experiment, found = resolve(Source(str(tmp_path / "main.cord"), text), Registry())
    assert experiment is not None, found
    assert experiment.blocks["s"].options.model_dump()["size"] == 7


@pytest.mark.item("S18")
def test_at_most_fifty_diagnostics_are_shown_and_the_rest_counted() -> None:
    text = HEAD + "".join(f"teacher t{number} : mini {{}}\n" for number in range(80))
    found = resolve(Source("t.cord", text), Registry())[1]
    assert len(found) == 51
    assert [one.code for one in found][-2:] == ["E410", "E101"] or "E410" in {one.code for one in found}
    assert any("30 more" in one.message for one in found)


@pytest.mark.item("S18")
def test_a_bomb_of_imports_is_counted_before_it_is_read(tmp_path: Path) -> None:
    """Each file names the next one twice: two to the power of the depth, read once each."""
    for number in range(7):
        (tmp_path / f"f{number}.cord").write_text(
            f'cord 1\nimport "f{number + 1}.cord" as a\nimport "f{number + 1}.cord" as b\n'
        )
    (tmp_path / "f7.cord").write_text("cord 1\nlet x = 1\n")
    with within(1.0):
        experiment, found = resolve(
            Source(str(tmp_path / "main.cord"), 'cord 1\nimport "f0.cord" as f\nexperiment e {}\n'), Registry()
        )
    assert experiment is not None and not found
    assert len(experiment.sources) == 1 + 8


@pytest.mark.item("S18")
def test_a_sweep_is_counted_and_not_expanded() -> None:
    values = ", ".join(map(str, range(200)))
    text = HEAD + f"sweep s {{ mode = grid, vary = {{ {', '.join(f'e.seed = [{values}]' for _ in range(1))} }} }}\n"
    assert "E406" not in [one.code for one in resolve(Source("t.cord", text), Registry())[1]]
    many = HEAD + f"sweep s {{ vary = {{ e.seed = [{', '.join(map(str, range(300)))}] }} }}\n"
    assert [one.code for one in resolve(Source("t.cord", many), Registry())[1]] == ["E406"]
