"""Every code has a page; the example on it gives the code, the mended one does not, and the message is as recorded."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from cordspec.diagnostics import Source, render
from cordspec.diagnostics.pages import codes, page
from cordspec.extension.registry import Registry
from cordspec.model import resolve_variants

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden" / "diagnostics"
COMPOSED = {
    "e": "experiment e { seed = 3 }",
    "p": "problems p : inventory { count = 5 }",
    "a": "model a : mini { name = adder }",
    "b": "model b : mini { name = prover }",
    "both": "pool both { teachers = [a, b], temperature = 0.6 }",
    "steps": "segmenter steps : step_header {}",
    "pp": "scorer pp : predictive_perplexity { prover = b }",
    "beam4": "search beam4 : beam { size = 4 }",
    "traces": "decode traces { problems = p, pool = both, segmenter = steps, scorer = pp, search = beam4 }",
}
"""The spec around the examples; a block that an example defines takes the place of the one here."""
WITH_EXAMPLES = [code for code in codes() if "## Wrong" in page(code)]


def example(code: str, heading: str) -> str:
    found = re.search(rf"## {heading}\n\n```cord\n(.*?)```", page(code), re.DOTALL)
    assert found, f"{code} has no part {heading}"
    text = found.group(1)
    if text.startswith("cord"):
        return text
    own = set(re.findall(r"^\w+\s+(\w+)", text, re.MULTILINE)) if code != "E108" else set()
    return "cord 1\n" + "\n".join(line for name, line in COMPOSED.items() if name not in own) + "\n" + text


def found_in(code: str, heading: str, directory: Path) -> tuple[list[str], str]:
    source = Source(str(directory / "spec.cord"), example(code, heading))
    _, diagnostics = resolve_variants(source, Registry())
    shown = render(diagnostics, "text").replace(str(directory) + os.sep, "")
    return [diagnostic.code for diagnostic in diagnostics], shown


@pytest.mark.parametrize("code", WITH_EXAMPLES)
def test_the_wrong_example_gives_its_code_and_the_recorded_message(code: str, tmp_path: Path) -> None:
    given, shown = found_in(code, "Wrong", tmp_path)
    assert [one for one in given if one not in ("W303", "W601") or one == code] == [code], shown
    golden = GOLDEN / f"{code}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(shown + "\n", encoding="utf-8")
    assert shown + "\n" == golden.read_text(encoding="utf-8")


@pytest.mark.parametrize("code", [code for code in WITH_EXAMPLES if "## Right" in page(code)])
def test_the_right_example_does_not(code: str, tmp_path: Path) -> None:
    given, shown = found_in(code, "Right", tmp_path)
    assert code not in given, shown
    assert not [one for one in given if one.startswith("E")], shown


def test_every_code_in_the_sources_has_a_page_and_every_page_is_of_a_code() -> None:
    files = [*(ROOT / "cordspec").rglob("*.py"), *(ROOT / "plugins").rglob("*.py")]
    used = {code for file in files for code in re.findall(r'"([EW]\d{3})"', file.read_text(encoding="utf-8"))}
    assert used == set(codes())


@pytest.mark.parametrize("code", [code for code in codes() if code not in WITH_EXAMPLES])
def test_a_page_without_an_example_names_the_test_that_sees_its_code(code: str) -> None:
    tested = re.search(r"Tested by `(.+)`\.", page(code))
    assert tested, page(code)
    assert code in (ROOT / tested.group(1)).read_text(encoding="utf-8")


def test_pages_are_titled_and_end_in_a_line() -> None:
    for code in codes():
        assert re.match(rf"# {code}: [A-Z]", page(code)) and page(code).endswith("\n")


def test_a_bug_of_ours_has_its_code(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from cordspec import api
    from cordspec.cli.main import main

    monkeypatch.setattr(api, "read", lambda path: 1 / 0)
    assert main(["validate", "x.cord"]) == 70
    assert "error[E901]: internal error: ZeroDivisionError" in capsys.readouterr().err
