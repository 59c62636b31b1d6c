"""Segmenters without models: what they cut joins back, byte for byte, and boundaries are where they should be."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cordspec.plugin import Segmenter
from cordspec_std.segmenters.cue import CUES, Cue, CueOptions
from cordspec_std.segmenters.line_break import LineBreak, LineBreakOptions
from cordspec_std.segmenters.step_header import StepHeader, StepHeaderOptions

LINES, CUE, HEADERS = LineBreak(LineBreakOptions()), Cue(CueOptions()), StepHeader(StepHeaderOptions())
words = st.sampled_from(
    [
        "one", "waiting", "await", "Wait", " wait", ",", ".", " ", "\n", "\n\n", "\n\n\n", "\t", "Alternatively, ", " let me check",
        "### Step 2.", "\n### Step 3.", "### Step 9.", "é", "\u2028", "double-check", "\r\n",
    ]
)  # fmt: skip
texts = st.lists(words, max_size=25).map("".join)


@pytest.mark.parametrize("segmenter", [LINES, CUE, HEADERS], ids=["line_break", "cue", "step_header"])
@given(text=texts, number=st.integers(1, 4))
def test_pieces_join_back_byte_for_byte(segmenter: Segmenter, text: str, number: int) -> None:
    pieces = segmenter.cut(text, number)
    assert "".join(piece.raw for piece in pieces) == text
    assert all(piece.text == piece.text.rstrip() for piece in pieces)
    assert all(piece.text or not piece.raw.strip() or piece.violations for piece in pieces)


@pytest.mark.parametrize("segmenter", [LINES, CUE], ids=["line_break", "cue"])
@given(text=texts)
def test_a_piece_alone_is_one_piece(segmenter: Segmenter, text: str) -> None:
    """So cutting while a step is written and cutting the whole text afterwards give the same steps."""
    for piece in segmenter.cut(text, 1):
        (alone,) = segmenter.cut(piece.raw, 1)
        assert alone == piece


@pytest.mark.parametrize("segmenter", [LINES, CUE], ids=["line_break", "cue"])
@given(text=texts)
def test_a_step_ends_where_a_server_would_stop_it(segmenter: Segmenter, text: str) -> None:
    """A server looks for stop strings only; past the step's own beginning the first of them is its end."""
    pieces = segmenter.cut(text, 1)
    begin = 0
    for piece in pieces:
        said = begin + len(piece.raw) - len(piece.raw.lstrip()) + 1
        places = [at for stop in segmenter.stops(1) if (at := text.find(stop, said)) >= 0]
        if places:
            assert text[begin : min(places)].rstrip() == piece.text
        begin += len(piece.raw)


def test_an_empty_line_ends_a_step_and_begins_the_next() -> None:
    pieces = LINES.cut("\n\nFirst a.\nStill a.\n\nThen b.\n\n\n", 1)
    assert [piece.text for piece in pieces if piece.text] == ["\n\nFirst a.\nStill a.", "\n\nThen b."]
    assert LineBreak(LineBreakOptions(boundary="\n")).cut("a\nb", 1)[1].text == "\nb"


def test_the_papers_cues_begin_steps() -> None:
    text = "So it is 4. Wait, that is odd. Let me check: 2+2. Alternatively, count. I await the waiter."
    assert [piece.text for piece in CUE.cut(text, 1)] == [
        "So it is 4.", " Wait, that is odd.", " Let me check: 2+2.", " Alternatively, count. I await the", " waiter.",
    ]  # fmt: skip
    assert len(CUES) == 15
    for cue in CUES:
        assert [piece.text for piece in CUE.cut(f"{cue} a. {cue} b.", 1)] == [f"{cue} a.", f" {cue} b."]


def test_a_cue_inside_a_word_or_at_the_start_is_no_boundary() -> None:
    assert len(CUE.cut("Wait, what? an await here", 1)) == 1


def test_stops_are_the_boundaries_in_both_spellings() -> None:
    assert {" wait", "\nwait", " Wait", "\nWait"} <= set(CUE.stops(3))
    assert LINES.stops(1) == ("\n\n",) and LINES.prefill(1) == ""
