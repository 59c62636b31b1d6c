"""What events tell: every number of a search that a person can check, and what holds for every search."""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cordspec.artifacts.events import read_events, to_event_lines
from cordspec.diagnostics import Source, Span
from cordspec.domain.events import Event, Expanded, Finished, Formed, Proposed, Scored
from cordspec.domain.inference import GenerateRequest, Generation, Sampling
from cordspec.domain.problem import Problem
from cordspec.domain.prompt import Prompt, Segment, prompt_text
from cordspec.journal import Journal
from cordspec.model import Block
from cordspec.model.blocks import Budget
from cordspec.plugin import Candidate, Options, Search
from cordspec.report.provenance.bootstrap import ratios
from cordspec.report.provenance.compliance import compliance
from cordspec.report.provenance.figure import hit_rate_figure
from cordspec.report.provenance.history import History, histories
from cordspec.report.provenance.hits import progress, rate_by_progress, share_by_progress
from cordspec.report.provenance.ledger import Tokens, make_ledger
from cordspec.report.provenance.lengths import lengths
from cordspec.report.provenance.scoring import Share, scoring
from cordspec.report.provenance.tree import branches
from cordspec.run.attendance import Attendance
from cordspec.run.driver import Driver, SearchRecord
from cordspec.run.teachers import Pool, Teacher
from cordspec_std.searches.beam import Beam, BeamOptions
from cordspec_std.searches.curation import Curation, CurationOptions
from cordspec_std.searches.mcts import Mcts, MctsOptions
from cordspec_std.segmenters.step_header import StepHeader, StepHeaderOptions
from tests.unit.events_by_hand import by_hand


@pytest.fixture
def search() -> History:
    (history,) = histories(by_hand())
    return history


def test_every_token_of_the_search_by_hand_is_somewhere(search: History) -> None:
    ledger = make_ledger([search])
    assert ledger.tokens == {
        "a": Tokens(
            generated=16, kept=9, discarded=4, cut=3, answers=11
        ),  # 7 + 5 + 4; step 6 counts a header not drawn
        "b": Tokens(generated=17, discarded=2, invalid=9, cut=2, copies=4),
        "c": Tokens(generated=4, discarded=4),
    }
    assert ledger.all_tokens == Tokens(generated=37, kept=9, discarded=10, invalid=9, cut=5, copies=4, answers=11)
    assert ledger.all_tokens.wasted == 18


def test_costs_are_sums_over_calls_by_role_and_model(search: History) -> None:
    ledger = make_ledger([search])
    teachers = ledger.by_role()["teacher"]
    assert (teachers.calls, teachers.generated, teachers.seconds) == (9, 37 + 11, 4.5)
    assert ledger.costs["teacher", "a"].prompt == 100 + 108 + 103 + 115
    assert (ledger.costs["prover", "m"].calls, ledger.costs["prover", "m"].scored) == (5, 10)


def test_what_was_computed_again_is_bounded_from_below(search: History) -> None:
    """a: 108 after 100, so 8 and the last token are new; 103 after 100, 50 of them prefilled; 115 after 108. b: 104 after
    100, 4 prefilled, nothing proved; 100 at another prefix as long as the first. Scores: an end of up to 18 tokens is new.
    """
    costs = make_ledger([search]).costs
    assert costs["teacher", "a"].reprefilled == (108 - 9) + (50 - 4) + (115 - 8)
    assert costs["teacher", "b"].reprefilled == 0 + (100 - 1)
    assert costs["prover", "m"].reprefilled == 0 + 0 + (24 - 4 - 1 - 18) + 0 + 0


def test_whose_steps_stand_duplicates_shared(search: History) -> None:
    shares = share_by_progress([[step.authors for step in search.trace]])
    found = {cell: band.value for cell, band in shares.items()}
    assert found == {
        ("a", 0): 0.5, ("b", 0): 0.5,
        ("a", 5): 1.0, ("b", 5): 0.0,
        ("a", None): 0.75, ("b", None): 0.25,
    }  # fmt: skip
    assert shares["a", None].low is None, "one problem has no band"


def test_a_teacher_is_not_credited_for_proposing_more_often(search: History) -> None:
    """a proposed x, z, w; b proposed x, nothing, v; c proposed y and u, and was absent once."""
    rates = rate_by_progress([search])
    assert {cell: (band.value, band.n) for cell, band in rates.items()} == {
        ("a", 0): (0.5, 1), ("a", 5): (0.5, 2), ("a", None): (0.5, 3),
        ("b", 0): (0.5, 1), ("b", 5): (0.0, 2), ("b", None): (0.5 / 3, 3),
        ("c", 0): (0.0, 1), ("c", 5): (0.0, 1), ("c", None): (0.0, 2),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("step", "steps", "bin_"), [(0, 1, 0), (0, 10, 0), (9, 10, 9), (1, 3, 3), (2, 3, 6), (99, 100, 9), (12, 10, 9)]
)
def test_progress_is_where_a_step_begins(step: int, steps: int, bin_: int) -> None:
    assert progress(step, steps) == bin_


def test_bands_are_drawn_over_problems() -> None:
    """Two problems of many steps, each by one teacher: over steps the band would be narrow, over problems it is all."""
    shares = share_by_progress([[("a",)] * 500, [("b",)] * 500])
    assert (shares["a", None].value, shares["a", None].low, shares["a", None].high) == (0.5, 0.0, 1.0)
    rng = random.Random(3)
    many = share_by_progress([[(rng.choice("ab"),)] for _ in range(400)])["a", 0]
    assert many.value is not None and many.low is not None and many.high is not None
    expected = 1.96 * math.sqrt(many.value * (1 - many.value) / 400)
    assert many.high - many.value == pytest.approx(expected, rel=0.1)
    assert many.value - many.low == pytest.approx(expected, rel=0.1)


def test_ratios_are_exact_and_repeat() -> None:
    problems = [{"t": (Fraction(1, 3), Fraction(1))}, {"t": (Fraction(1, 2), Fraction(2))}, {}]
    band = ratios(problems)["t"]
    assert (band.value, band.n) == (pytest.approx(5 / 18), 3.0)
    assert ratios(problems) == ratios(problems)
    assert ratios([]) == {}


def test_lengths_of_steps_and_traces(search: History) -> None:
    found = lengths([search])
    assert (found.proposed["a"].n, found.proposed["a"].mean) == (3, 5.0)
    assert found.proposed["a"].cv == pytest.approx(0.2)
    assert found.proposed["a"].quantiles == pytest.approx((4.0, 4.2, 5.0, 5.8, 6.0))
    assert [found.kept[name].n for name in "abc"] == [2, 0, 0]
    assert (found.depth.n, found.depth.mean) == (1, 2.0)


def test_compliance_counts_answers(search: History) -> None:
    found = compliance([search])
    assert (found["b"].asked, found["b"].answered, found["b"].clean, found["b"].violations) == (
        3,
        3,
        2,
        {"empty step": 1},
    )
    assert (found["c"].asked, found["c"].absent, found["c"].answered, found["c"].clean) == (3, 1, 2, 2)


def test_scores_and_margins(search: History) -> None:
    """Wave 1 gave nothing up. In wave 2 candidate 6 stayed before 7 by a thousandth of a nat a token."""
    found = scoring([search])
    assert found.values.n == 5
    assert (found.margins.n, found.margins.mean) == (1, pytest.approx(0.8187307530779818 - 0.8179124320))
    assert (found.noise, found.high, found.low) == (Share(1, 1), Share(1, 5), Share(0, 5))
    assert found.answer_in_step == {"a": Share(1, 3), "b": Share(0, 2), "c": Share(0, 2)}
    assert found.answer_in_chosen == {"a": Share(1, 2), "b": Share(0, 1)}
    assert found.first_token == pytest.approx(-(0.1 + 0.2 + 0.005 + 0.2 + 0.201) / 5)
    assert (found.merged, found.across, found.ties) == (Share(1, 6), Share(1, 1), {"fewer tokens": 1})


def test_a_wider_margin_is_no_noise() -> None:
    events = [
        replace(event, tokens=(-0.203, -0.203), value=math.exp(-0.203))
        if event.type == "scored" and getattr(event, "candidate", None) == 7
        else event
        for event in by_hand()
    ]  # fmt: skip
    assert scoring(list(histories(events))).noise == Share(0, 1)


def test_fates_in_the_tree(search: History) -> None:
    found = {branch.number: (branch.fate, branch.above) for branch in branches(search)}
    assert found == {
        0: ("chosen", None), 2: ("kept", None), 3: ("chosen", 0), 4: ("invalid", 0), 5: ("absent", 0), 6: ("kept", 2),
        7: ("dropped", 2), 8: ("failed", 2),
    }  # fmt: skip


def test_a_prefix_is_its_own_author_s_and_not_that_of_a_rollout_that_went_on_alike() -> None:
    """A tree search: what d rolls out fails. Then a rolls out "x z", b goes on from "x" with "z" too, c from what b wrote."""
    from cordspec.domain.trajectory import EMPTY, Step

    x = EMPTY.extend((Step("x", (), 0),), finished=False)
    xz, end = (
        x.extend((Step("z", (), 0),), finished=False),
        x.extend((Step("z", (), 0), Step("!", (), 0)), finished=True),
    )
    q = x.extend((Step("z", (), 0), Step("?", (), 0)), finished=True)
    w = x.extend((Step("w", (), 0),), finished=True)
    texts = [
        ("d", EMPTY, ("x", "w"), w),
        ("a", EMPTY, ("x", "z", "?"), q),
        ("b", x, ("z", "?"), q),
        ("c", xz, ("!",), end),
    ]
    events: list[Event] = []
    for number, (teacher, prefix, steps, made) in enumerate(texts):
        depth = len(prefix.steps)
        lengths_ = (1,) * len(steps)
        events += [
            Expanded("p", number + 1, number, prefix.key, depth, teacher, 0, "trace"),
            Proposed("p", number + 1, number, teacher, steps, lengths_, True, False, len(steps), (), ()),
            Formed(
                "p", number + 1, number, made.key, prefix.key, (number,), (teacher,), len(made.steps), len(steps),
                True, False, False,
            ),
            Scored("p", number + 1, number, None if teacher == "d" else 0.5, None, (), None, ()),
        ]  # fmt: skip
    events.append(Finished("p", 4, 3, end.key, "c", False, "", ()))
    (history,) = histories(events)
    assert [step.authors for step in history.trace] == [("a",), ("b",), ("c",)]
    assert [branch.after for branch in branches(history)] == [None, None, 1, 1]


@pytest.mark.parametrize(
    ("line", "old", "new", "said"),
    [
        (1, '"v": 1', '"v": 2', "schema 1"),
        (2, '"type": "proposed"', '"type": "thought"', "no type of event is called thought"),
        (3, '"index"', '"place"', "expanded: index: Field required"),
        (3, '"index"', '"more": 1, "index"', "expanded: unknown more"),
        (
            2,
            '"generated": 7, "model"',
            '"generated": "7", "model"',
            "calls.0.generated: Input should be a valid integer",
        ),
        (2, '"role"', '"more": 1, "role"', "proposed: unknown more"),
        (2, '"role": "teacher"', '"role": "friend"', "calls.0.role"),
        (2, "[5]", "5", "lengths: Input should be a valid array"),
        (1, "{", "[{", "Expecting"),
    ],
)
def test_a_line_that_is_no_event_is_refused_with_its_place(
    tmp_path: Path, line: int, old: str, new: str, said: str
) -> None:
    lines = to_event_lines(by_hand()).splitlines(keepends=True)
    assert old in lines[line - 1]
    lines[line - 1] = lines[line - 1].replace(old, new, 1)
    path = tmp_path / "events.jsonl"
    path.write_text("".join(lines))
    with pytest.raises(ValueError, match=rf"events\.jsonl:{line}: .*{said}"):
        list(read_events(path))


def test_events_that_contradict_each_other_are_refused() -> None:
    events = by_hand()
    with pytest.raises(ValueError, match="name 8"):
        list(histories([event for event in events if getattr(event, "number", None) != 8]))
    changed = [
        replace(event, steps=("X",)) if isinstance(event, Proposed) and event.number == 0 else event for event in events
    ]
    with pytest.raises(ValueError, match="candidate 0 of problem p is not what was proposed for it"):
        list(histories(changed))


def test_the_figure_has_a_line_and_a_band_a_teacher_and_escapes_names() -> None:
    shares = share_by_progress([[("a<b",), ("c",)], [("a<b",), ("a<b",)], [("c",), ("c",)]])
    drawn = hit_rate_figure(shares, "A & B")
    assert drawn.count("<polyline") == drawn.count("<polygon") == 2
    assert "a&lt;b" in drawn and "A &amp; B" in drawn


@dataclass(frozen=True)
class Drawn:
    """A teacher whose text is drawn from the seed of the request: a few bodies, so that some are equal; sometimes none."""

    def opening(self, question: str) -> Prompt:
        return (Segment("Q: ", template=True), Segment(question))

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    async def generate(self, request: GenerateRequest) -> Generation:
        rng = random.Random(request.seed)
        text = prompt_text(request.prompt)
        if text.endswith("</think>"):
            return Generation("\n\nThe final answer is 2.", 6, "end")
        done = text.count("### Step")
        prefilled = text.endswith("### Step 1.")
        if rng.random() < 0.15:
            return Generation("", rng.randint(0, 4), "stop", request.stop[0])
        count = 1 if len(request.stop) > 1 else rng.randint(1, 3)
        written = ""
        for at in range(count):
            header = "" if prefilled and at == 0 else f"\n### Step {done + 1 + at - prefilled}."
            written += f"{header} {rng.choice(['x', 'y', 'y y'])}."
        ends = len(request.stop) == 1 or rng.random() < 0.3
        drawn = len(written.split()) + 3 + rng.randint(0, 2)
        return Generation(written, drawn, "stop", "</think>" if ends else request.stop[0])


@dataclass(frozen=True)
class ByContent:
    """Scores drawn from the content, some equal and some that are no number."""

    needs_answer: bool = False
    reads_lengths: bool = True

    async def score(self, candidates: Sequence[Candidate]) -> list[float]:
        rngs = [random.Random(candidate.trajectory.key) for candidate in candidates]
        return [math.nan if rng.random() < 0.1 else round(rng.random(), 1) for rng in rngs]


SEARCHES: list[Search] = [
    Beam(BeamOptions(size=1)),
    Beam(BeamOptions(size=3, samples=2)),
    Beam(BeamOptions(size=2, finished="shelve")),
    Curation(CurationOptions(traces_per_teacher=2)),
    Mcts(MctsOptions(iterations=3)),
]
BLOCK = Block("scorer", "s", None, Options(), "", Span(Source("t.cord", "scorer s"), 0, 8), {})


def decoded(search: Search, seed: int, problems: int) -> list[SearchRecord]:
    teachers = tuple(Teacher(f"t{at}", Drawn(), Sampling()) for at in range(3))  # type: ignore[arg-type]
    attendance = Attendance("fail", 0.0, Journal(":memory:"))
    pool = Pool(teachers, StepHeader(StepHeaderOptions()), Budget(steps=5), seed, attendance)
    driver = Driver(pool, ByContent(), BLOCK, search, lambda record, wave: None)  # type: ignore[arg-type]
    return [asyncio.run(driver.decode(Problem(f"Question {at}?", "x"))) for at in range(problems)]


@settings(max_examples=30)
@given(search=st.sampled_from(SEARCHES), seed=st.integers(0, 10**6))
def test_what_holds_for_every_search(search: Search, seed: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    records = decoded(search, seed, 2)
    path = tmp_path_factory.getbasetemp() / "events.jsonl"
    events = [event for record in records for event in record.events]
    path.write_text(to_event_lines(events))
    assert list(read_events(path)) == events
    decode = list(histories(events))
    ledger = make_ledger(decode)
    for tokens in ledger.tokens.values():
        assert tokens.kept + tokens.discarded + tokens.wasted == tokens.generated
    whole = ledger.all_tokens
    assert whole.generated == sum(record.generated for record in records)
    assert whole.kept == sum(record.trajectory.tokens for record in records if record.trajectory)
    for record, history in zip(records, decode, strict=True):
        steps = record.trajectory.steps if record.trajectory else ()
        assert [(one.authors, one.length) for one in history.trace] == [(step.authors, step.tokens) for step in steps]
    shares = share_by_progress([[step.authors for step in history.trace] for history in decode])
    for at in {at for _, at in shares}:
        assert sum(band.value or 0.0 for (_, one), band in shares.items() if one == at) == pytest.approx(1.0)
    for band in (*shares.values(), *rate_by_progress(decode).values()):
        assert band.value is None or 0.0 <= (band.low or 0.0) <= band.value <= (band.high or 1.0) <= 1.0
