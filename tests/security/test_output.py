"""S22 to S25: what is printed acts on no terminal and no CI runner; figures hold no markup of others."""

from __future__ import annotations

import io
import json
import re
import sys
import unicodedata
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from cordspec.cli import guarded
from cordspec.cli.display.json_lines import JsonLinesDisplay
from cordspec.cli.display.live import LiveDisplay
from cordspec.cli.display.plain import PlainDisplay
from cordspec.cli.guarded import Guarded, cleared
from cordspec.cli.main import COMMANDS, main
from cordspec.diagnostics.render import ACTING
from cordspec.plan import Stage
from cordspec.report.export.columns import FORMS
from cordspec.report.provenance.bootstrap import Band
from cordspec.report.provenance.figure import hit_rate_figure
from cordspec.report.table import Report, Table
from cordspec.run.events import StageFinished, StageProgress, StageStarted
from tests.security.conftest import Finished
from tests.security.planted import COMMAND_LINES, ESC, SEQUENCES


def acts(text: str) -> set[str]:
    """Characters in a text that a terminal obeys."""
    return {one for one in text if one not in "\n\t" and unicodedata.category(one) in ACTING}


def commands(text: str) -> list[str]:
    """Lines that a CI runner would take for commands: GitHub trims them first, and finds the older form anywhere."""
    return [line for line in text.split("\n") if line.strip().startswith("::") or re.search(r"##(\[|vso\[)", line)]


def test_there_are_enough_of_them() -> None:
    assert len(set(SEQUENCES)) >= 80


@pytest.mark.item("S22")
@pytest.mark.parametrize("sequence", SEQUENCES, ids=[str(number) for number in range(len(SEQUENCES))])
def test_a_guarded_stream_passes_nothing_that_acts(sequence: str) -> None:
    below = io.StringIO()
    print(f"before{sequence}after\tx", file=Guarded(below))  # type: ignore[type-var]
    assert acts(below.getvalue()) == set()
    assert "before" in below.getvalue() and below.getvalue().endswith("after\tx\n")
    assert json.loads(cleared(json.dumps(sequence, ensure_ascii=False))) == sequence  # JSON reads it as it was
    assert bool(acts(sequence)) == (cleared(sequence) != sequence)


@pytest.mark.item("S23")
@pytest.mark.parametrize("line", COMMAND_LINES)
@pytest.mark.parametrize("pieces", ["whole", "by characters", "after another line", "in JSON"])
def test_no_line_is_a_command_to_a_runner(line: str, pieces: str) -> None:
    below = io.StringIO()
    stream = Guarded(below)
    if pieces == "by characters" and "##" not in line:
        for one in line:
            stream.write(one)
    elif pieces == "after another line":
        stream.write(f"x\n{line}\n{line}")
    elif pieces == "in JSON":
        text = json.dumps({"a": [line]}, indent=0)
        stream.write(text)
        assert json.loads(below.getvalue()) == {"a": [line]}
    else:
        stream.write(line)
    assert commands(below.getvalue()) == [] and commands(line)


SHOWING = {
    "report": ["report", "RUN"], "report json": ["report", "RUN", "--format", "json"], "stats": ["stats", "RUN"],
    "stats json": ["stats", "RUN", "--format", "json"], "tree": ["tree", "RUN"], "tree json": ["tree", "RUN", "--format", "json"],
    "tree mermaid": ["tree", "RUN", "--format", "mermaid"], "tree dot": ["tree", "RUN", "--format", "dot"],
    "export": ["export", "RUN", "--to", "TO", "--keep", "all"], "no problem": ["tree", "RUN", "--problem", "SEQUENCE"],
    "no decode": ["stats", "RUN", "--decode", "SEQUENCE"], "no variant": ["report", "SEQUENCE"], "explain": ["explain", "SEQUENCE"],
    "a wrong flag": ["run", "--SEQUENCE"], "a wrong command": ["SEQUENCE"], "a wrong value": ["plan", "x.cord", "--assume", "SEQUENCE"],
}  # fmt: skip
"""Commands that print what others wrote, or what was given to them."""


@pytest.mark.item("S22", "S23")
@pytest.mark.parametrize("name", SHOWING)
def test_no_command_passes_on_what_acts(
    name: str, finished: Finished, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    places = {
        "RUN": str(finished.run),
        "TO": str(tmp_path / "data"),
        "SEQUENCE": f"{ESC}[31m\x9b2J\u202e::error::x\n::add-mask::y",
    }
    arguments = [places.get(one, one).replace("SEQUENCE", places["SEQUENCE"]) for one in SHOWING[name]]
    try:
        code = main(arguments)
    except SystemExit as stopped:
        code = int(str(stopped.code))
    out, err = capsys.readouterr()
    assert code == (2 if "SEQUENCE" in " ".join(SHOWING[name]) else 0), err
    assert out + err
    assert acts(out + err) == set() and commands(out + err) == []


@pytest.mark.item("S22")
def test_the_run_would_act_without_the_guard(
    finished: Finished, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A seeded bug, ESC passed on: what the commands print does hold what models wrote, and that holds the sequences."""
    monkeypatch.setattr(guarded, "cleared", lambda text: text)
    assert main(["tree", str(finished.run)]) == 0
    assert len(acts(capsys.readouterr().out)) > 5
    (file,) = finished.run.rglob("candidates.jsonl")
    texts = "".join(json.loads(line)["text"] for line in file.read_text().split("\n") if line)
    assert sum(sequence in texts for sequence in SEQUENCES) >= 80
    assert sum(line.strip() in texts for line in COMMAND_LINES) > 10


@pytest.mark.item("S22", "S23")
def test_every_command_prints_through_the_guard(monkeypatch: pytest.MonkeyPatch) -> None:
    """`main` puts it there before anything of the command runs, and takes it away again, whatever happens."""
    seen: list[bool] = []

    def command(*_: object) -> int:
        seen.append(isinstance(sys.stdout, Guarded) and isinstance(sys.stderr, Guarded))
        raise KeyboardInterrupt

    for name in COMMANDS:
        module = __import__(f"cordspec.cli.{name.replace('-', '_')}", fromlist=["command"])
        monkeypatch.setattr(module, "command", command)
    before = sys.stdout
    for name in COMMANDS:
        needs = {"run": ["x"], "validate": ["x"], "plan": ["x"], "probe": ["x"], "show": ["x"], "graph": ["x"], "fmt": ["x"], "lock": ["x"],
                 "report": ["x"], "replay": ["x"], "export": ["x", "--to", "y"], "stats": ["x"], "tree": ["x"], "completion": ["bash"],
                 "why-rerun": ["x"], "status": ["x"], "decontaminate": ["x"], "compare": ["x", "y"],
                 "lm-eval": ["x", "--task", "y"], "regrade": ["x", "--grader", "exact"], "journal": ["verify", "x"]}  # fmt: skip
        assert main([name, *needs.get(name, [])]) == 130
        assert sys.stdout is before
    assert seen == [True] * len(COMMANDS)


def told(make: Callable[[io.StringIO], object], text: str) -> str:
    """What a display shows of a stage whose every text is hostile."""
    below = io.StringIO()
    stage = Stage("decode", text, "0123456789ab", ())
    table = Table(text, (text, "n"), ((text, text),), text)
    with make(below) as display:  # type: ignore[attr-defined]
        display.on_event(StageStarted(stage))
        display.on_event(StageProgress(stage, 1, 2, text, {text: text}))
        display.on_event(StageFinished(stage, 1.0, False, text))
        display.show_report(Report(text, (text,), (table,), {}), Path("x"))
    return below.getvalue()


@pytest.mark.item("S22")
def test_a_live_display_passes_on_only_what_rich_itself_makes() -> None:
    """The display that moves the cursor: beside rich's own sequences, which come for harmless texts too, there are none."""

    def made(below: io.StringIO) -> LiveDisplay:
        return LiveDisplay(Console(file=below, force_terminal=True, width=400, color_system="standard"))

    own = set(re.findall(r"\x1b[^\x1b\w]*[\w]", told(made, "harmless")))
    for sequence in SEQUENCES:
        shown = told(made, f"q{sequence}z")
        assert f"q{sequence}z" not in shown or not acts(sequence)
        assert acts(shown) <= {ESC, "\r"} and set(re.findall(r"\x1b[^\x1b\w]*[\w]", shown)) <= own, repr(sequence)
        assert f"{ESC}]" not in shown


@pytest.mark.item("S22", "S23")
@pytest.mark.parametrize("display", [PlainDisplay, JsonLinesDisplay])
def test_other_displays_pass_on_nothing(display: Callable[[object], object]) -> None:
    for sequence, line in zip(SEQUENCES, COMMAND_LINES * 10, strict=False):
        shown = told(lambda below: display(Guarded(below)), f"{sequence}\n{line}")
        assert acts(shown) == set() and commands(shown) == []


@pytest.mark.item("S22", "S23")
def test_what_the_run_itself_said_acts_on_nothing(finished: Finished) -> None:
    assert acts(finished.said.stdout + finished.said.stderr) == set()
    assert commands(finished.said.stdout + finished.said.stderr) == []


# S24: there is no HTML; figures are SVG

XSS = [
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", '" onload="alert(1)', "' onload='alert(1)", "</text><script>x</script>",
    "</title><script>x</script>", "</svg><script>x</script>", "<foreignObject><body xmlns='x'/></foreignObject>", "<a href='javascript:x'>y</a>",
    "<style>*{}</style>", "<use href='http://x#y'/>", "<image href='http://x'/>", "<set attributeName='onload'/>", "<!--", "-->", "]]>",
    "<![CDATA[", "&lt;script&gt;", "&#60;script&#62;", "<!ENTITY x SYSTEM 'file:///etc/passwd'>", "&x;", "<?xml-stylesheet href='http://x'?>",
    "<iframe src='http://x'>", "<object data='x'>", "<embed src='x'>", "javascript:alert(1)", "data:text/html,<script>", "{{7*7}}", "${7*7}",
    "<animate onbegin=x>", "<svg/onload=x>", "<math><mtext>", "<link rel=stylesheet href=http://x>", "<meta http-equiv=refresh>", "<base href=x>",
]  # fmt: skip
XSS += [vector.upper() for vector in XSS] + [vector.replace("<", "<\t") for vector in XSS]


@pytest.mark.item("S24")
def test_a_figure_holds_no_element_and_no_attribute_of_a_text() -> None:
    assert len(XSS) >= 100
    band = Band(0.5, 0.4, 0.6, 3)

    def shape(texts: list[str]) -> list[tuple[str, list[str]]]:
        figure = hit_rate_figure({(text, at): band for text in texts for at in range(3)}, texts[0])
        assert "http" not in figure.replace("http://www.w3.org/2000/svg", "").lower() or "http" in texts[0].lower()
        return sorted((element.tag, sorted(element.attrib)) for element in ET.fromstring(figure).iter())

    harmless = shape(["teacher"])
    for vector in XSS:
        assert shape([vector]) == harmless, vector


@pytest.mark.item("S24")
def test_nothing_writes_html() -> None:
    root = Path(__file__).parents[2]
    product = [file for name in ("cordspec", "plugins") for file in (root / name).rglob("*.py")]
    holding = [file.name for file in product if re.search(r"text/html|<html|</body>|\.html\b", file.read_text())]
    assert holding == [], "an HTML report needs the tests of S24: escapes, a policy of contents, no remote loads"


@pytest.mark.item("S25")
def test_nothing_exports_cells_of_a_spreadsheet(finished: Finished) -> None:
    """Rows are JSON or Parquet, which no spreadsheet reads as formulas. See the lint: no `csv` is imported."""
    assert {file.suffix for file in finished.data.rglob("*") if file.is_file()} <= {
        ".jsonl",
        ".json",
        ".md",
        ".parquet",
    }
    assert len(FORMS) == 4
    assert not any("csv" in action.choices for action in _formats())


def _formats() -> list[object]:
    from cordspec.cli.main import parser

    found = []
    for subparser in next(
        action for action in parser()._actions if hasattr(action, "choices") and action.choices
    ).choices.values():
        found += [action for action in subparser._actions if action.choices and "--format" in action.option_strings]
    assert len(found) >= 8
    return found
