"""Text to tree: positions, and every independent mistake exactly once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cordspec.diagnostics import Source
from cordspec.syntax import parse, parse_value
from cordspec.syntax.nodes import Block, Number, Object, Path

GOOD = """cord 1
import "presets/math.cord" as math

let long = 2_048tok

## What it is.
search beam4 : beam { size = 4, finished = compete }   # a comment
search other like beam4 { size = 1 }
decode traces { budget.thinking = long, share = 30%, range = 1..2.5, list = [a, b.c, "x",], text = \"\"\"two
lines\"\"\" }
"""


def codes(text: str) -> list[str]:
    return [diagnostic.code for diagnostic in parse(Source("t.cord", text))[1]]


def test_a_good_file_has_every_node_with_its_place() -> None:
    source = Source("t.cord", GOOD)
    file, diagnostics = parse(source)
    assert not diagnostics
    blocks = [item for item in file.items if isinstance(item, Block)]
    assert [block.name.text for block in blocks] == ["beam4", "other", "traces"]
    assert blocks[0].doc == "What it is."
    size = blocks[0].fields[0]
    assert isinstance(size.value, Number)
    assert (size.value.value, size.value.span.text, size.value.span.line) == (4, "4", 7)
    assert blocks[1].like is not None and blocks[1].like.text == "beam4"
    assert blocks[2].fields[0].path.text == "budget.thinking"


def test_units_stay_with_their_numbers() -> None:
    value, diagnostics = parse_value(Source("--set", "20_480tok"))
    assert not diagnostics
    assert isinstance(value, Number)
    assert (value.value, value.unit, value.whole) == (20_480, "tok", True)


BROKEN = """cord 1
model a : vllm {
  gpus =
  x = 1
  share 0.6
}
scorer s predictive_perplexity { prover = a }
search b : beam { size = 4 @ }
decode t {
  list = [a, , b]

student u : sft { lr = 5e-6 }
"""


def test_six_mistakes_are_six_diagnostics_and_no_more() -> None:
    file, diagnostics = parse(Source("t.cord", BROKEN))
    assert [(d.code, d.span.line) for d in sorted(diagnostics, key=lambda d: d.order) if d.span] == [
        ("E003", 3),
        ("E003", 5),
        ("E003", 7),
        ("E002", 8),
        ("E004", 9),
        ("E002", 10),
    ]
    assert [item.name.text for item in file.items if isinstance(item, Block)] == ["a", "s", "b", "t", "u"]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "E001"),
        ("cord 2\n", "E005"),
        ("cord 1\nlet a = 1e999\n", "E201"),
        ('cord 1\nlet a = "\\q\\x"\n', "E007"),
        ("cord 1\nlet a = " + "[" * 70 + "]" * 70 + "\n", "E402"),
        ("cord 1\n" + "# x\n" * 70_000, "E401"),
        ("cord 1\nlet a\x00 = 1\n", "E006"),
        ("cord 1\nlet " + "a" * 300 + " = 1\n", "E403"),
        ("cord 1\n# a \u202e b\n", "E008"),
        ("cord 1\n# \x1b[31m\n", "E006"),
        ("cord 1\n# caf\u0065\u0301\n", "W008"),
    ],
)
def test_hostile_and_broken_texts_have_their_diagnostic(text: str, code: str) -> None:
    assert code in codes(text)


@pytest.mark.parametrize("text", ["experiment e { seed: 3 }", "search b = beam { size = 4 }"])
def test_colon_and_equals_sign_mixed_up_is_one_mistake_with_its_fix(text: str) -> None:
    _, found = parse(Source("t.cord", f"cord 1\n{text}\n"))
    assert [diagnostic.code for diagnostic in found] == ["E002"]
    assert found[0].fixes[0].replacement in (":", "=") and found[0].label.startswith("write ")


def test_crlf_and_byte_order_mark_are_no_mistake() -> None:
    assert codes("\ufeffcord 1\r\nsearch b : beam { size = 4 }\r\n") == []


@given(st.text(alphabet=st.sampled_from(' \n{}[]=:,."#abc14%@\u202e\t') | st.characters(codec="utf-8"), max_size=200))
def test_any_text_gives_a_tree_and_diagnostics_and_never_an_exception(text: str) -> None:
    source = Source("t.cord", "cord 1\n" + text)
    file, diagnostics = parse(source)
    assert (file, diagnostics) is not None
    again = parse(source)[1]
    assert [(d.code, d.message) for d in diagnostics] == [(d.code, d.message) for d in again]
    for diagnostic in diagnostics:
        assert diagnostic.span is None or 0 <= diagnostic.span.start <= diagnostic.span.end <= len(source.text) + 1


def test_values_of_every_shape() -> None:
    for text, kind in (("a.b", Path), ("{ x = 1 }", Object), ("4tok", Number)):
        value, diagnostics = parse_value(Source("--set", text))
        assert isinstance(value, kind) and not diagnostics
