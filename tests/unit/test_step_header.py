"""Step headers: cutting gives the text back, and every kind of disorder is mended and counted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cordspec_std.segmenters.step_header import StepHeader, StepHeaderOptions

SEGMENTER = StepHeader(StepHeaderOptions())


@given(st.text(alphabet=st.sampled_from("\n# .Step123ab")), st.integers(1, 9))
def test_pieces_join_to_the_text(text: str, number: int) -> None:
    assert "".join(piece.raw for piece in SEGMENTER.cut(text, number)) == text


def test_a_well_formed_trace_is_cut_into_its_steps_unchanged() -> None:
    steps = ["\n### Step 1. One.", "\n### Step 2. Two\nlines.", "\n### Step 3. Three."]
    pieces = SEGMENTER.cut("".join(steps), 1)
    assert [piece.text for piece in pieces] == steps
    assert not any(piece.violations for piece in pieces)


@pytest.mark.parametrize(
    ("text", "number", "wanted", "violations"),
    [
        ("\n### Step 7. Late.", 3, "\n### Step 3. Late.", ("wrong number",)),
        (" no header.", 2, "\n### Step 2. no header.", ("missing header",)),
        ("\nFirst words.\n### Step 1. Then.", 1, "\n### Step 1. First words. Then.", ()),
        ("\n### Step 2.  ", 2, "", ("empty step",)),
        ("", 2, "", ()),
        ("\n### Step 2. a  \n\n", 2, "\n### Step 2. a", ()),
    ],
)
def test_disorder(text: str, number: int, wanted: str, violations: tuple[str, ...]) -> None:
    (piece,) = SEGMENTER.cut(text, number)
    assert (piece.text, piece.violations) == (wanted, violations)


def test_a_header_inside_a_line_is_no_boundary() -> None:
    assert len(SEGMENTER.cut("\n### Step 1. see ### Step 2. there", 1)) == 1


def test_the_next_header_stops_a_step_and_the_first_one_is_given() -> None:
    assert SEGMENTER.stops(4) == ("\n### Step 5.",)
    assert (SEGMENTER.prefill(1), SEGMENTER.prefill(2)) == ("\n### Step 1.", "")


def test_another_marker() -> None:
    segmenter = StepHeader(StepHeaderOptions(marker="({n})"))
    assert [piece.text for piece in segmenter.cut("\n(1) a\n(2) b", 1)] == ["\n(1) a", "\n(2) b"]
