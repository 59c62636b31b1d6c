"""Integration: the search as a machine, what an integrator is asked, and what is made of whatever it writes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field

import json_repair
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cordspec.domain.events import Event
from cordspec.domain.inference import GenerateRequest, Generation
from cordspec.domain.problem import Problem
from cordspec.domain.prompt import Prompt, Segment, prompt_text
from cordspec.domain.trajectory import EMPTY
from cordspec.model.blocks import Budget
from cordspec.plugin import (
    Expansion,
    Options,
    Proposal,
    Ref,
    Score,
    ScoredCandidate,
    SearchSetting,
    Segmenter,
    Step,
    Trajectory,
)
from cordspec.report.provenance.compression import compression, words_and_signs
from cordspec.report.provenance.history import histories
from cordspec.run.integrated import read_integrated
from cordspec.run.integrating import Integrator, answer_text, integration_message
from cordspec_mini.integrator import MiniIntegrator, merge_by_rule
from cordspec_std.searches.curation import CurationMachine
from cordspec_std.searches.integration import Integration, IntegrationMachine, IntegrationOptions
from cordspec_std.segmenters.line_break import LineBreak, LineBreakOptions
from cordspec_std.segmenters.step_header import StepHeader, StepHeaderOptions

HEADERS = StepHeader(StepHeaderOptions())


def trace(*bodies: str, author: str = "t0") -> Trajectory:
    steps = (Step(f"\n### Step {n}. {body}", (author,), 3) for n, body in enumerate(bodies, 1))
    return Trajectory(tuple(steps), finished=True)


def found(numbers: Sequence[int], trajectory: Trajectory, value: float | None) -> ScoredCandidate:
    return ScoredCandidate(tuple(numbers), 0, trajectory, None if value is None else Score.of(value))


# the machine


def options(each: int, **more: object) -> IntegrationOptions:
    return IntegrationOptions(integrator=Ref("model", "gpt"), traces_per_teacher=each, **more)


def machine_of(each: int, teachers: int, **more: object) -> IntegrationMachine:
    return IntegrationMachine(options(each, **more), SearchSetting(teachers))


def test_traces_are_merged_in_rank_order_and_the_merged_one_is_the_result() -> None:
    machine = machine_of(2, 2, order="rank")
    assert [(e.number, e.teacher, e.index, e.extent) for e in machine.ask()] == [
        (0, 0, 0, "trace"), (1, 1, 0, "trace"), (2, 0, 1, "trace"), (3, 1, 1, "trace"),
    ]  # fmt: skip
    good, same, bad, failed = trace("good"), trace("same"), trace("bad"), trace("failed")
    told = [found([0], bad, 0.1), found([1, 2], same, 0.5), found([3], good, 0.9)]
    first = machine.tell(told, 40)
    assert [one.trajectory for one in first.kept] == [good, same, bad] and not first.dropped
    (asked,) = machine.ask()
    assert (asked.number, asked.extent, asked.index, asked.teacher) == (4, "merge", 0, 0)
    assert asked.prefix.steps == () and asked.sources == (good, same, same, bad)
    merged = found([4], trace("merged"), 0.2)
    last = machine.tell([merged], 10)
    assert last.kept == (merged,) and [one.trajectory for one in last.dropped] == [good, same, bad]
    assert machine.ask() == [] and machine.result() is merged
    assert failed not in asked.sources


@pytest.mark.parametrize(("teachers", "weights"), [(1, ()), (3, ()), (3, (1, 4, 2))])
def test_the_first_wave_asks_what_curation_asks(teachers: int, weights: tuple[int, ...]) -> None:
    setting = SearchSetting(teachers, None, weights)
    assert list(IntegrationMachine(options(3), setting).ask()) == list(CurationMachine(3, setting).ask())


def test_traces_without_a_score_are_no_sources() -> None:
    machine = machine_of(1, 3, retries=0)
    machine.ask()
    still_open = ScoredCandidate((2,), 2, Trajectory(trace("open").steps, finished=False), Score.of(0.9))
    decision = machine.tell([found([0], trace("a"), None), found([1], trace("b"), 0.3), still_open], 0)
    assert [one.trajectory for one in decision.kept] == [trace("b")] and len(decision.dropped) == 2
    assert machine.ask()[0].sources == (trace("b"),)


@pytest.mark.parametrize("on_refusal", ["best", "fail"])
@pytest.mark.parametrize("retries", [0, 1, 3])
def test_a_refused_merge_is_asked_again_and_then_given_up(retries: int, on_refusal: str) -> None:
    machine = machine_of(1, 2, retries=retries, on_refusal=on_refusal)
    machine.ask()
    best, worse = found([0], trace("a"), 0.9), found([1], trace("b"), 0.3)
    machine.tell([worse, best], 0)
    indices = []
    while asked := machine.ask():
        indices.append((asked[0].number, asked[0].index))
        decision = machine.tell([], 5)
        assert len(indices) < 9
    assert indices == [(2 + at, at) for at in range(retries + 1)]
    assert decision.kept == ((best,) if on_refusal == "best" else ())
    assert machine.result() is (best if on_refusal == "best" else None)


def test_a_merged_trace_that_the_scorer_failed_on_counts_as_refused() -> None:
    machine = machine_of(1, 1, retries=0)
    machine.ask()
    machine.tell([best := found([0], trace("a"), 0.2)], 0)
    machine.ask()
    decision = machine.tell([found([1], trace("merged"), None)], 0)
    assert decision.kept == (best,) and [one.expansions for one in decision.dropped] == [(1,)]


def test_nothing_to_merge_ends_the_search() -> None:
    machine = machine_of(1, 1)
    machine.ask()
    machine.tell([], 0)
    assert machine.ask() == [] and machine.result() is None


def test_the_integrator_is_named_by_the_search() -> None:
    assert Integration(options(1)).integrator == Ref("model", "gpt") and not Integration.absent


def test_traces_can_be_shown_in_an_order_that_tells_nothing_of_their_scores() -> None:
    machine = machine_of(2, 2)
    machine.ask()
    good, same, bad = trace("good"), trace("same"), trace("bad")
    machine.tell([found([3], good, 0.9), found([0, 2], same, 0.5), found([1], bad, 0.1)], 0)
    assert machine.ask()[0].sources == (same, bad, same, good)


# reading JSON


def written(*contents: str, answer: object = ("\\boxed{42}",), category: str = "progressive") -> str:
    steps = {f"integrated_step{n}": {"content": text, "category": category} for n, text in enumerate(contents, 1)}
    return json.dumps({**steps, "answer_part": answer})


TWO = written("### Step 1. a", "### Step 2. b")
ONE = written("### Step 1. a")
OPEN = '{"integrated_step1": {"content": "### Step 1. a", "category": "progressive"}, '

READ = [
    (TWO, 2, "\\boxed{42}", ()),
    (json.dumps(json.loads(TWO), indent=4), 2, "\\boxed{42}", ()),
    (f"```json\n{TWO}\n```", 2, "\\boxed{42}", ("JSON in a code fence",)),
    (f"```\n{TWO}\n```", 2, "\\boxed{42}", ("JSON in a code fence",)),
    (f"Here it is:\n```json\n{TWO}\n```\nGlad to help.", 2, "\\boxed{42}", ("JSON in a code fence",)),
    (f"The sets {{1, 2}} are merged: {TWO} That is all.", 2, "\\boxed{42}", ("text around the JSON",)),
    (f'First {{"a": 1}}, then {TWO}', 2, "\\boxed{42}", ("text around the JSON",)),
    (f'<think>Perhaps {written("no", answer="9")}?</think>{TWO}', 2, "\\boxed{42}", ()),
    (TWO[:-1] + ",}", 2, "\\boxed{42}", ("repaired JSON",)),
    (TWO.replace('"}, "', '",}, "', 1), 2, "\\boxed{42}", ("repaired JSON",)),
    (TWO[:-1], 2, "\\boxed{42}", ("repaired JSON",)),
    (TWO[:-2], 2, "\\boxed{42}", ("repaired JSON",)),
    (TWO.replace('"', "'"), 2, "\\boxed{42}", ("repaired JSON",)),
    (f"```json\n{TWO[:-1]}", 2, "\\boxed{42}", ("repaired JSON",)),
    (TWO.replace("Step 1. a", "Step 1.\na"), 2, "\\boxed{42}", ("repaired JSON",)),
    (OPEN + '"answer_part": [42],}', 1, "42", ("repaired JSON",)),
    (ONE.replace("\\\\boxed", "\\boxed"), 1, "\\boxed{42}", ("LaTeX read as escapes",)),
    (ONE.replace("\\\\boxed{42}", "\\sqrt{2}"), 1, "\\sqrt{2}", ("repaired JSON",)),
    (written("a", answer="42"), 1, "42", ()),
    (written("a", answer=42), 1, "42", ()),
    (written("a", answer=[0.5]), 1, "0.5", ()),
    (written("a", answer=["1", "2"]), 1, "1, 2", ()),
    (written("a", category="Multi_Method  validation"), 1, "\\boxed{42}", ()),
    (written("a", category="brilliant"), 1, "\\boxed{42}", ("unknown category",)),
    ('{"integrated_step1": "a", "answer_part": ["4"]}', 1, "4", ("unknown category",)),
    (OPEN + '"summary": "x", "answer_part": ["4"]}', 1, "4", ("unknown name",)),
    (TWO.replace("step2", "step3"), 2, "\\boxed{42}", ("missing step number",)),
    (TWO.replace("step1", "step3"), 2, "\\boxed{42}", ("steps out of order", "missing step number")),
    (TWO.replace("step2", "step1"), 2, "\\boxed{42}", ("repeated step number",)),
    (written("a", " "), 1, "\\boxed{42}", ("empty step",)),
    (written("a</think>b"), 1, "\\boxed{42}", ("think tag in a step",)),
    ('{"integrated_step1": {"content": "\\ud800a", "category": "verification"}, "answer_part": ["4"]}', 1, "4",
     ("broken characters",)),
]  # fmt: skip

REFUSED = [
    ("", "no JSON object"),
    ("\x00", "no JSON object"),
    ("I cannot help with that.", "no JSON object"),
    ("null", "no JSON object"),
    ("42", "no JSON object"),
    ("[1, 2]", "no JSON object"),
    ('"text"', "no JSON object"),
    ("{", "no JSON object"),
    ("}{", "no JSON object"),
    ("{{{", "no JSON object"),
    ("{" * 100_000, "no JSON object"),
    ("[" * 100_000, "no JSON object"),
    ('{"integrated_step1":' * 3_000, "no JSON object"),
    ("<think>" + TWO + "</think>", "no JSON object"),
    (TWO + "</think>", "no JSON object"),
    ("### Step 1. a\nThe final answer is 42.", "no JSON object"),
    ("{}", "no step"),
    ('{"answer_part": ["42"]}', "no step"),
    ('{"integrated_step": {"content": "a", "category": "progressive"}, "answer_part": ["4"]}', "no step"),
    ('{"integrated_step1": {"text": "a"}, "answer_part": ["4"]}', "no step"),
    ('{"integrated_step1": {"content": 5}, "answer_part": ["4"]}', "no step"),
    ('{"integrated_step1": null, "answer_part": ["4"]}', "no step"),
    ('{"integrated_step1": [], "answer_part": ["4"]}', "no step"),
    ('{"integrated_step-1": {"content": "a"}, "answer_part": ["4"]}', "no step"),
    (written(" "), "no step"),
    ('{"result": ' + TWO + "}", "no step"),
    (written("a", answer=[]), "no answer"),
    (written("a", answer=[""]), "no answer"),
    (written("a", answer=None), "no answer"),
    (written("a", answer=[True]), "no answer"),
    (written("a", answer={"boxed": "42"}), "no answer"),
    (written("a", answer=[["42"]]), "no answer"),
    (OPEN[:-2] + "}", "no answer"),
    (OPEN + '"answer_part": [NaN]}', "no answer"),
    (OPEN + '"answer_part": ' + "9" * 5_000 + "}", "no JSON object"),
    (TWO[:50], "no answer"),
    (TWO[:-30], "no answer"),
    (ONE[: ONE.index("42") + 1], "answer cut off"),
    (ONE[: ONE.index("42") + 3], "answer cut off"),
    (OPEN + '"answer_part": ["12', "answer cut off"),
    (OPEN + '"answer_part": [12', "answer cut off"),
    (OPEN + '"answer_part": 12', "answer cut off"),
    (OPEN + '"answer_part": ["1", "2', "answer cut off"),
]


@pytest.mark.parametrize(("text", "steps", "answer", "violations"), READ)
def test_what_can_be_read_is_read_and_mends_are_named(
    text: str, steps: int, answer: str, violations: tuple[str, ...]
) -> None:
    read = read_integrated(text)
    assert (len(read.contents), read.answer, read.violations) == (steps, answer, violations)


@pytest.mark.parametrize(("text", "why"), REFUSED)
def test_what_cannot_be_read_is_refused_and_says_why(text: str, why: str) -> None:
    read = read_integrated(text)
    assert not read.valid and not read.answer and why in read.violations


@pytest.mark.parametrize("text", ["{" * 100_000, "{ " * 60, '{"a": ' + "[\n" * 60])
def test_what_would_take_long_to_repair_is_not_repaired(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[str] = []
    monkeypatch.setattr(json_repair, "loads", lambda text, **how: tried.append(text))
    assert not read_integrated(text).valid and tried == []
    assert not read_integrated("{ {").valid and len(tried) == 1


def test_steps_are_in_the_order_of_their_numbers() -> None:
    swapped = json.dumps(dict(reversed(json.loads(written("a", "b", "c")).items())))
    assert read_integrated(swapped).contents == ("a", "b", "c")


def test_there_are_many_malformed_inputs() -> None:
    assert len(REFUSED) + len([one for one in READ if one[3]]) >= 25


@given(st.text(max_size=400))
def test_any_text_is_read_or_refused(text: str) -> None:
    read = read_integrated(text)
    assert read.valid == bool(read.answer) == bool(read.contents)
    assert read.valid or read.violations


@given(st.integers(0, len(TWO)), st.integers(0, len(TWO)), st.text(max_size=6))
def test_a_damaged_answer_is_read_or_refused(start: int, end: int, instead: str) -> None:
    damaged = TWO[:start] + instead + TWO[max(start, end) :]
    read = read_integrated(damaged)
    assert read.valid or read.violations
    "".join(read.contents).encode()


@given(st.integers(0, len(ONE) - 1))
def test_a_cut_text_never_gives_another_answer(end: int) -> None:
    """Not `4` where `42` was being written."""
    assert read_integrated(ONE[:end]).answer in ("", "\\boxed{42}")


NUMBERS = OPEN + '"answer_part": 1234567}'


@given(st.integers(0, len(NUMBERS)))
def test_a_cut_number_never_gives_another_answer(end: int) -> None:
    assert read_integrated(NUMBERS[:end]).answer in ("", "1234567")


# asking


@dataclass
class Fixed:
    """An engine that writes what it is told to; tokens are words."""

    text: str
    finish: str = "end"
    seen: list[GenerateRequest] = field(default_factory=list)

    def opening(self, question: str) -> Prompt:
        return (Segment("<user>", template=True), Segment(question), Segment("<assistant>", template=True))

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    async def generate(self, request: GenerateRequest) -> Generation:
        self.seen.append(request)
        return Generation(self.text, 17, self.finish)  # type: ignore[arg-type]


PROBLEM = Problem("How many?", "SECRET-42")


def merged(
    text: str, *, segmenter: Segmenter = HEADERS, index: int = 0, **more: object
) -> tuple[Proposal, GenerateRequest]:
    engine = Fixed(text, str(more.pop("finish", "end")))
    integrator = Integrator("gpt", engine, segmenter, Budget(**more), 7)  # type: ignore[arg-type]
    sources = (trace("Let a be 1.", "So 42."), trace("It is 41."))
    proposal = asyncio.run(integrator.merge(PROBLEM.view, Expansion(9, Trajectory(), 0, index, "merge", sources)))
    return proposal, engine.seen[0]


def test_a_merged_trace_has_canonical_steps_and_its_answer() -> None:
    proposal, _ = merged(written("### Step 1. Let a be 1.", "### Step 7. So 42.", "no header"))
    assert proposal.steps == ("\n### Step 1. Let a be 1.", "\n### Step 2. So 42.", "\n### Step 3. no header")
    assert proposal.step_tokens == (7, 5, 5)
    assert (proposal.teacher, proposal.closes, proposal.forced, proposal.generated) == ("gpt", True, False, 17)
    assert proposal.violations == ("wrong number", "missing header")
    assert proposal.answer == "\n\n\\boxed{42}" and proposal.valid


def test_steps_in_one_content_are_told_apart() -> None:
    proposal, _ = merged(written("### Step 1. a\n### Step 2. b", "### Step 2. c"))
    assert proposal.steps == ("\n### Step 1. a", "\n### Step 2. b", "\n### Step 3. c")


def test_other_segmenters_leave_the_text_as_it_is() -> None:
    proposal, _ = merged(written("One.\n\nTwo.", "Three."), segmenter=LineBreak(LineBreakOptions()))
    assert proposal.steps == ("\nOne.", "\n\nTwo.", "\nThree.")


@pytest.mark.parametrize("text", ["", "no", "{}", '{"answer_part": ["42"]}', OPEN, written("### Step 1.")])
def test_a_refusal_is_an_invalid_proposal_that_says_why(text: str) -> None:
    proposal, _ = merged(text)
    assert not proposal.valid and proposal.steps == () and not proposal.closes
    assert proposal.violations and proposal.generated == 17 and proposal.answer is None


def test_what_was_cut_off_or_too_long_says_so() -> None:
    assert merged(TWO, finish="length")[0].violations == ("cut off",)
    assert "over the budget" in merged(TWO, thinking=7)[0].violations
    assert "over the budget" in merged(TWO, steps=1)[0].violations
    assert merged(TWO, thinking=8, steps=2)[0].violations == ()


def test_the_integrator_is_shown_every_step_and_neither_answer_nor_names() -> None:
    _, request = merged(TWO)
    text = prompt_text(request.prompt)
    assert text.startswith("<user>") and text.endswith("<assistant>") and "<think>" not in text
    assert "How many?" in text and "SECRET" not in repr(request) and "t0" not in text
    assert "<reasoning_step_2>\n### Step 2. So 42.\n</reasoning_step_2>" in text
    assert text.count("<reasoning_step_1>") == 2
    assert not any(segment.template for segment in request.prompt if "How many?" in segment.text)
    assert request.stop == ()


def test_a_further_ask_draws_anew_and_the_same_ask_alike() -> None:
    first, again, other = (merged(TWO, index=index)[1] for index in (0, 0, 1))
    assert first == again and first.prompt == other.prompt and first.seed != other.seed


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ("42", "\n\nThe final answer is 42."),
        ("42.", "\n\nThe final answer is 42."),
        ("A 9, B 12", "\n\nThe final answer is A 9, B 12."),
        ("\\boxed{42}", "\n\n\\boxed{42}"),
        ("The final answer is \\boxed{42}.", "\n\nThe final answer is \\boxed{42}."),
        ("The final answer is 42.", "\n\nThe final answer is 42."),
    ],
)
def test_a_bare_answer_is_put_into_the_usual_sentence(answer: str, text: str) -> None:
    assert answer_text(answer) == text


# the rule of the miniature


def test_the_rule_takes_what_most_solutions_say() -> None:
    shelves = [
        trace("Shelf A: 4 + 5 = 9.", "Shelf B: 3 * 4 = 11."),
        trace("Shelf A: 4 + 5 = 8.", "Shelf B: 3 * 4 = 12."),
        trace("Shelf A: 4 + 5 = 9.", "Shelf B: 3 * 4 = 13."),
        trace("Shelf A: 4 + 5 = 7."),
    ]
    read = json.loads(merge_by_rule(integration_message("Shelf A has ...", shelves)))
    assert read == {
        "integrated_step1": {"content": "### Step 1. Shelf A: 4 + 5 = 9.", "category": "verification"},
        "integrated_step2": {"content": "### Step 2. Shelf B: 3 * 4 = 11.", "category": "progressive"},
        "answer_part": ["A 9, B 11"],
    }


def test_the_rule_takes_the_last_result_of_a_chain() -> None:
    chains = [trace("2 + 3 = 5.", "5 * 2 = 10."), trace("2 + 3 = 6.", "6 * 2 = 12."), trace("2 + 3 = 5.")]
    read = json.loads(merge_by_rule(integration_message("Ann has 2 ...", chains)))
    assert read["answer_part"] == ["10"] and len(read) == 3


@pytest.mark.parametrize("prompt", ["", "Hello", "<reasoning_step_2>\nx\n</reasoning_step_2>"])
def test_the_rule_says_so_where_there_is_nothing_to_merge(prompt: str) -> None:
    assert merge_by_rule(prompt) == "There is nothing to merge."


def test_the_rule_gives_no_answer_where_steps_find_nothing() -> None:
    read = read_integrated(merge_by_rule(integration_message("Q", [trace("hm"), trace("well")])))
    assert not read.valid and read.violations == ("no answer",)


def test_the_rule_is_labelled_as_one_and_keeps_its_limits() -> None:
    assert "rule, not a model" in str(MiniIntegrator.__doc__)
    engine = MiniIntegrator(Options()).open()
    prompt = engine.opening(integration_message("Q", [trace("2 + 3 = 5.")]))
    ask = [
        GenerateRequest(prompt, Integrator("g", engine, HEADERS, Budget(), 0).sampling, (), 5, seed) for seed in (1, 2)
    ]  # type: ignore[arg-type]
    one, other = asyncio.run(engine.generate(ask))
    assert one == other and one.finish == "length" and one.tokens == 5 == engine.count_tokens(one.text)
    assert one.prompt_tokens == engine.count_tokens(prompt_text(prompt))


# compression


def test_compression_counts_merged_and_sources_alike() -> None:
    from cordspec.domain.events import Expanded, Formed, Proposed, Scored

    said: dict[int, Trajectory] = {}

    def asked(number: int, extent: str, *steps: str) -> list[Event]:
        said[number] = EMPTY.extend(tuple(Step(step, ("t",), 1) for step in steps), finished=True)
        return [
            Expanded("p", 1, number, EMPTY.key, 0, "t", 0, extent),  # type: ignore[arg-type]
            Proposed("p", 1, number, "t", steps, (1,) * len(steps), True, False, 1, (), ()),
        ]

    def judged(candidate: int, expansions: tuple[int, ...], value: float | None) -> list[Event]:
        formed = Formed("p", 1, candidate, said[candidate].key, EMPTY.key, expansions, ("t",), 1, 1, True, False, False)
        return [formed, Scored("p", 1, candidate, value, None, (), None, ())]

    events = [
        *asked(0, "trace", "a b c d", " e f"), *asked(1, "trace", "a b"), *asked(2, "trace", "a b"),
        *asked(3, "trace", "x x x x x x x x x x"),
        *judged(0, (0,), 0.5), *judged(1, (1, 2), 0.4), *judged(3, (3,), None),
        *asked(4, "merge"), *asked(5, "merge", "a b c", " d."), *judged(5, (5,), 0.1),
    ]  # fmt: skip
    assert words_and_signs("Shelf A: 4 + 5 = 9.") == 9
    (history,) = histories(events)
    one = compression(history)
    assert one is not None and one.merged == 5
    assert one.source == pytest.approx((6 + 2 + 2) / 3) and one.ratio == pytest.approx(1.5)
    (unscored,) = histories(event for event in events if not isinstance(event, Scored))
    assert compression(unscored) is None
