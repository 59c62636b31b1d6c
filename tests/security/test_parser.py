"""S18 to S21: a spec costs little to refuse, and holds no pattern that could run away."""

from __future__ import annotations

import ast
import io
import re
import time
from collections.abc import Callable, Iterator
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from cordspec.cli.guarded import Guarded
from cordspec.diagnostics import Source
from cordspec.extension.registry import Registry
from cordspec.model import resolve
from cordspec.report.export import scan
from cordspec.run.provenance import holds
from cordspec.syntax import parse
from cordspec_api.address import Address
from cordspec_bench.final_answer import final_answer, items
from cordspec_serving.reading import counted
from cordspec_std.segmenters.step_header import StepHeader, StepHeaderOptions

ROOT = Path(__file__).parents[2]
PRODUCT = sorted(file for name in ("cordspec", "plugins") for file in (ROOT / name).rglob("*.py"))
HEAD = "cord 1\nexperiment e {}\n"

BOMBS: dict[str, Callable[[int], str]] = {
    "nested lists": lambda n: f"let a = {'[' * n}",
    "nested objects": lambda n: "search s : beam { x = " + "{ x = " * n,
    "open texts": lambda n: 'let a = "' * n,
    "open long texts": lambda n: 'let a = """' * n,
    "commas": lambda n: f"let a = [{',' * n}]",
    "operators": lambda n: "= " * n,
    "closing braces": lambda n: "}" * n,
    "blocks": lambda n: "".join(f"search s{k} : beam {{ size = {k + 1} }}\n" for k in range(n // 20)),
    "one name again and again": lambda n: "let a = 1\n" * (n // 10),
    "a long digit": lambda n: f"let a = {'9' * n}",
    "exponents": lambda n: "let a = 1e" + "9" * n,
    "a circle of lets": lambda n: "".join(f"let a{k} = a{(k + 1) % (n // 20)}\n" for k in range(n // 20)),
    "a chain of likes": lambda n: "".join(f"search s{k} like s{k + 1} {{}}\n" for k in range(n // 30)),
    "strange letters": lambda n: "é" * n,
    "carriage returns": lambda n: "\r" * n,
    "tabs": lambda n: "\t" * n + "x",
    "backslashes": lambda n: 'let a = "' + "\\\\" * n,
    "unclosed comments": lambda n: "/*" * n,
}


@pytest.mark.item("S18")
@pytest.mark.parametrize("size", [1_000, 100_000, 1_000_000])
@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_by_diagnostics(name: str, size: int) -> None:
    """No exception, at most fifty-one diagnostics, each with a code; megabytes are refused unread."""
    begin = time.process_time()
    experiment, found = resolve(Source("bomb.cord", HEAD + BOMBS[name](size)), Registry())
    assert experiment is None or found == [] or all(one.code.startswith("W") for one in found)
    assert len(found) <= 51
    if size > 300_000:
        assert {one.code for one in found} <= {"E401", "E405", "E403", "E402"} and found
    assert time.process_time() - begin < 20, "far beyond what any of them takes"


@pytest.mark.item("S18")
@pytest.mark.parametrize("digits", [201, 5_000, 100_000])
def test_numbers_of_many_digits_are_refused_and_not_computed(digits: int) -> None:
    experiment, found = resolve(Source("t.cord", f"cord 1\nexperiment e {{ seed = {'9' * digits} }}\n"), Registry())
    assert experiment is None and found, digits


def nested_quantifiers(pattern: str) -> bool:
    """Whether something that may repeat without end holds something that does, so that there are many ways to match.

    Repeats of which each round begins with a text of its own, as `(?:, \\d+)*`, are unambiguous and pass.
    """
    try:
        from re import _parser as parser  # type: ignore[attr-defined]

        tree = parser.parse(pattern)
    except re.error:
        return False
    return any(_inner(body) for body in _repeats(tree))


def _repeats(tree: object) -> Iterator[object]:
    for name, value in tree:  # type: ignore[attr-defined]
        if str(name) in ("MAX_REPEAT", "MIN_REPEAT") and value[1] > 1_000:
            yield value[2]
        for part in value if isinstance(value, (tuple, list)) else ():
            if hasattr(part, "data"):
                yield from _repeats(part)
            elif isinstance(part, list):
                for one in part:
                    if hasattr(one, "data"):
                        yield from _repeats(one)


def _inner(body: object) -> bool:
    first = str(body[0][0]) if len(body) else ""  # type: ignore[arg-type, index]
    return any(True for _ in _repeats(body)) and first != "LITERAL"


def patterns(source: str) -> Iterator[str]:
    """The literal patterns that a file gives to `re`, or to pydantic."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        given = (
            node.args[:1] if called.startswith("re.") else [one.value for one in node.keywords if one.arg == "pattern"]
        )
        for value in given:
            pieces = value.values if isinstance(value, ast.JoinedStr) else [value]
            text = "".join(str(one.value) if isinstance(one, ast.Constant) else "x" for one in pieces)
            if text:
                yield text


@pytest.mark.item("S20")
def test_no_pattern_of_ours_can_run_away() -> None:
    found = [pattern for file in PRODUCT for pattern in patterns(file.read_text())]
    assert len(found) > 40
    assert [pattern for pattern in found if nested_quantifiers(pattern)] == []


@pytest.mark.item("S20")
@pytest.mark.parametrize(
    "pattern",
    [r"(a+)+$", r"(a*)*b", r"(?:\w+\s?)*x", r"([a-z]+)*", r"(x+x+)+y", r"((a|b)+)+c", r"(.*?,)+z", r"(?:a{1,}){2,}"],
)
def test_the_lint_of_patterns_can_fail(pattern: str) -> None:
    assert nested_quantifiers(pattern)


EVIL = [
    "a" * 200_000, "a" * 200_000 + "!", "<" * 200_000, "<|" * 100_000, "<|" + "a" * 200_000, "@" * 200_000, "a@" * 100_000,
    ("a" * 64 + "@") * 3_000, "http://" * 30_000, "www." * 50_000, "https://" + "a." * 100_000, "[INST]" * 30_000, "</" * 100_000,
    "<｜" * 100_000, "\\b" * 100_000, " " * 200_000, "\n" * 200_000, "### Step " * 20_000, "::" * 100_000, "##" * 100_000,
    "\\boxed{" * 30_000, "{" * 200_000, "1" * 200_000, "1." * 100_000, "-1e" * 60_000, "$" * 200_000, "\\frac{1}" * 25_000,
    "a.b" * 60_000, "-" * 200_000, "x,y," * 50_000, "</think>" * 25_000, "<think>" * 25_000, "sk-" * 60_000, "Bearer " * 30_000,
    "name{" * 40_000, "} " * 100_000, '{"a":' * 40_000, "%" * 200_000, "é" * 100_000, "\u202e" * 100_000,
]  # fmt: skip
"""Texts on which a pattern with two ways to match takes for ever."""


@pytest.mark.item("S20")
def test_what_reads_texts_of_models_takes_time_in_proportion() -> None:
    """Forty texts of 200,000 characters through all that looks for patterns in what models and servers write.

    The limit is generous: a pattern with two ways to match would take hours.
    """
    assert len(EVIL) == 40
    header = StepHeader(StepHeaderOptions())
    begin = time.process_time()
    for text in EVIL:
        scan.scan([{"a": text}])
        holds(text, "12")
        final_answer(text)
        counted(text, "a|b")
        header.cut(text, 1)
        Address("x", "http://h", "k").sanitised(text)
        Guarded(io.StringIO()).write(text)
        parse(Source("t.cord", text[:20_000]))
    assert time.process_time() - begin < 120


@pytest.mark.item("S20")
@pytest.mark.parametrize(
    "answer",
    ["9" * 5_000, "1/" + "9" * 5_000, "A " + "9" * 5_000, "1/0", "9" * 5_000 + ", 3", "{" * 5_000, "\\boxed{" * 5_000],
)
def test_an_answer_of_a_model_never_stops_a_run(answer: str) -> None:
    """Numbers that Python refuses to read, and boxes that never close, are answers like others: wrong ones."""
    assert items(answer) is None
    assert final_answer(answer) and final_answer(f"\\boxed{{{answer}" + " \\boxed{3}") == "3"


@pytest.mark.item("S20")
def test_no_option_of_any_component_is_a_regular_expression() -> None:
    """All options of all components are walked: none is named or described as a pattern, and none is compiled as one."""
    registry = Registry()
    seen = 0
    for point in entry_points(group="cordspec"):
        kind, _, name = point.name.partition(".")
        for field, known in registry.get(kind, name).options_type.model_fields.items():
            seen += 1
            said = f"{field} {known.description}".lower()
            assert not re.search(r"\bregex|regular expression|\bpattern\b|\bglob\b", said), (point.name, field)
    assert seen > 100
    compiled = [
        ast.unparse(node)
        for file in PRODUCT
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("re.")
        and "options" in ast.unparse(node) and "escape" not in ast.unparse(node)
    ]  # fmt: skip
    assert compiled == []


@pytest.mark.item("S21")
@pytest.mark.parametrize(
    "letter", ["\u0430", "\u0435", "\u03bf", "\uff41", "\u2170", "\u0131", "\u200d", "\u00aa", "\U0001d41a", "\u05d0"]
)
@pytest.mark.parametrize(
    "place", ["search b{}am : beam {{}}", "search x : be{}m {{}}", "let {} = 1", "search x : beam {{ si{}e = 1 }}"]
)
def test_a_letter_that_only_looks_right_is_no_letter(letter: str, place: str) -> None:
    experiment, found = resolve(Source("t.cord", HEAD + place.format(letter) + "\n"), Registry())
    assert experiment is None and {one.code for one in found} & {"E002", "E008"}, found
