"""The driver with scripted engines: merging, budgets, forced ends, order independence, and what a teacher is shown."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from cordspec.diagnostics import Source, Span
from cordspec.domain.inference import GenerateRequest, Generation, Sampling, ScoreRequest, TokenLogprobs
from cordspec.domain.problem import Problem
from cordspec.domain.prompt import Prompt, Segment, prompt_text
from cordspec.errors import StageError
from cordspec.journal import Journal
from cordspec.model import Block
from cordspec.model.blocks import Budget
from cordspec.plugin import Candidate, Options
from cordspec.run.attendance import Attendance
from cordspec.run.driver import Driver, SearchRecord
from cordspec.run.teachers import Pool, Teacher
from cordspec_std.searches.beam import Beam, BeamOptions
from cordspec_std.searches.curation import Curation, CurationOptions
from cordspec_std.searches.mcts import Mcts, MctsOptions
from cordspec_std.segmenters.step_header import StepHeader, StepHeaderOptions

PROBLEM = Problem("What is 1 + 1?", "SECRET-2")
BLOCK = Block("scorer", "pp", None, Options(), "", Span(Source("t.cord", "scorer pp"), 0, 9), {})


@dataclass
class Scripted:
    """An engine that looks its continuation up by how many steps the prompt holds."""

    steps: Sequence[str]
    delay: random.Random | None = None
    seen: list[GenerateRequest] = field(default_factory=list)

    def opening(self, question: str) -> Prompt:
        return (Segment("Q: ", template=True), Segment(question))

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    async def generate(self, request: GenerateRequest) -> Generation:
        self.seen.append(request)
        if self.delay is not None:
            for _ in range(self.delay.randint(0, 5)):
                await asyncio.sleep(0)
        text = prompt_text(request.prompt)
        if text.endswith("</think>"):
            return Generation("\n\nThe final answer is 2.", 6, "end")
        done = text.count("### Step") - text.endswith("### Step 1.")
        body = self.steps[min(done, len(self.steps) - 1)]
        header = "" if done == 0 else f"\n### Step {done + 1}."
        stop = "</think>" if body.endswith("!") else request.stop[0]
        return Generation(f"{header} {body}", 4, "stop", stop)

    async def score(self, request: ScoreRequest) -> TokenLogprobs:
        raise AssertionError("teachers are not asked for scores")


class ByLength:
    """Longer thinking is better."""

    needs_answer = False
    reads_lengths = True

    async def score(self, candidates: Sequence[Candidate]) -> list[float]:
        assert all(candidate.reference_answer is None for candidate in candidates)
        return [len(candidate.trajectory.thinking) / 1_000 for candidate in candidates]


def run(engines: Sequence[Scripted], scorer: object | None = None, size: int = 2, **budget: int) -> SearchRecord:
    teachers = tuple(Teacher(f"t{at}", engine, Sampling()) for at, engine in enumerate(engines))
    pool = Pool(
        teachers, StepHeader(StepHeaderOptions()), Budget(**budget), 1, Attendance("fail", 0.0, Journal(":memory:"))
    )  # type: ignore[arg-type]
    driver = Driver(pool, scorer or ByLength(), BLOCK, Beam(BeamOptions(size=size)), lambda record, wave: None)  # type: ignore[arg-type]
    return asyncio.run(driver.decode(PROBLEM))


def test_equal_proposals_are_one_candidate_with_all_its_authors() -> None:
    record = run([Scripted(["same.", "end!"]), Scripted(["same.", "end!"]), Scripted(["other.", "end!"])])
    first = record.waves[0]
    assert [one.scored.trajectory.steps[0].authors for one in first.candidates] == [("t0", "t1"), ("t2",)]
    assert record.trajectory is not None and record.trajectory.finished and not record.trajectory.forced


def test_the_writer_of_the_last_step_writes_the_answer() -> None:
    engines = [Scripted(["a.", "b!"]), Scripted(["a longer one.", "b is longer here!"])]
    record = run(engines)
    assert record.writer == "t1"
    assert prompt_text(engines[1].seen[-1].prompt).endswith("b is longer here!\n</think>")
    assert not any(prompt_text(request.prompt).endswith("</think>") for request in engines[0].seen)


def test_an_exhausted_budget_closes_the_trace_by_force() -> None:
    record = run([Scripted(["on and on."])], thinking=20)
    assert record.trajectory is not None
    assert record.trajectory.forced and record.trajectory.tokens >= 20
    assert run([Scripted(["on and on."])], steps=3).trajectory.steps.__len__() == 3  # type: ignore[union-attr]


def test_silence_is_invalid_and_ends_the_search_without_a_trace() -> None:
    record = run([Scripted([""])])
    assert record.trajectory is None and record.answer is None
    assert [one.proposal.violations for one in record.waves[0].answered if one.proposal] == [("empty step",)]


def test_the_answer_is_in_no_request_to_a_teacher() -> None:
    engine = Scripted(["a.", "b!"])
    run([engine])
    assert engine.seen and not any("SECRET" in repr(request) for request in engine.seen)


def test_arrival_order_changes_nothing() -> None:
    def texts(seed: int | None) -> list[object]:
        delay = random.Random(seed) if seed is not None else None
        record = run([Scripted(["a.", "b.", "c!"], delay), Scripted(["d.", "e!"], delay)], size=3)
        return [[(one.scored.trajectory.key, one.scored.score) for one in wave.candidates] for wave in record.waves]

    assert all(texts(seed) == texts(None) for seed in range(10))


SEARCHES = {
    "beam": Beam(BeamOptions(size=3)),
    "mcts": Mcts(MctsOptions(iterations=3)),
    "curation": Curation(CurationOptions(traces_per_teacher=2)),
    "mcts, puct": Mcts(MctsOptions(iterations=2, rule="puct", backup="max")),
}


@pytest.mark.parametrize("name", SEARCHES)
def test_concurrency_changes_no_event(name: str) -> None:
    """Six problems at a time, or sixteen, or one: with engines that answer after pauses of any length."""

    def events(at_once: int, seed: int) -> list[object]:
        delay = random.Random(seed)
        engines = [
            Scripted(["a.", "b.", "c!"], delay),
            Scripted(["d.", "e!"], delay),
            Scripted(["d.", "f.", "g!"], delay),
        ]
        teachers = tuple(Teacher(f"t{at}", engine, Sampling()) for at, engine in enumerate(engines))
        calm = Attendance("fail", 0.0, Journal(":memory:"))  # type: ignore[arg-type]
        pool = Pool(teachers, StepHeader(StepHeaderOptions()), Budget(), 1, calm)
        driver = Driver(pool, ByLength(), BLOCK, SEARCHES[name], lambda record, wave: None)  # type: ignore[arg-type]
        slots = asyncio.Semaphore(at_once)

        async def one(number: int) -> SearchRecord:
            async with slots:
                return await driver.decode(Problem(f"What is {number}?", str(number)))

        async def all_of_them() -> list[SearchRecord]:
            return await asyncio.gather(*(one(number) for number in range(16)))

        return [event for record in asyncio.run(all_of_them()) for event in record.events]

    wanted = events(1, 0)
    assert len(wanted) > 16 * 8
    assert all(events(at_once, at_once) == wanted for at_once in range(2, 17))


def test_a_scorer_that_fails_is_named() -> None:
    class Broken(ByLength):
        async def score(self, candidates: Sequence[Candidate]) -> list[float]:
            return []

    with pytest.raises(StageError, match="scorer `pp` failed: ValueError: it gave 0 scores for 1 candidate"):
        run([Scripted(["a!"])], Broken())


def test_seeds_depend_on_what_is_asked_and_not_on_when() -> None:
    one, other = Scripted(["a.", "b!"]), Scripted(["a.", "b!"])
    run([one])
    run([other, Scripted(["z.", "y!"])])
    shared = {request.prompt: request.seed for request in one.seen}
    assert all(shared[request.prompt] == request.seed for request in other.seen if request.prompt in shared)
