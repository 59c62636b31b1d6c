"""What is begun before its wave is complete: only what is surely asked, and with the same results as waiting."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cordspec.domain.inference import Call, GenerateRequest, Generation, Sampling
from cordspec.domain.problem import Problem
from cordspec.domain.trajectory import Proposal, Step, Trajectory
from cordspec.journal import Journal
from cordspec.model.blocks import Budget
from cordspec.plugin import Candidate, Expansion, Score, SearchSetting, Unavailable
from cordspec.run.ahead import Ahead
from cordspec.run.attendance import Absence, Attendance
from cordspec.run.calls import Calls, note
from cordspec.run.driver import Driver, SearchRecord
from cordspec.run.ledger import Ledger
from cordspec.run.merging import Answered, Merged
from cordspec.run.teachers import Pool, Teacher
from cordspec.run.waves import WaveWork
from cordspec_std.searches import completion
from cordspec_std.searches.beam import Beam, BeamOptions
from cordspec_std.segmenters.step_header import StepHeader, StepHeaderOptions
from tests.unit.scripted import drawn
from tests.unit.test_driver import BLOCK, Scripted

beams = st.builds(
    BeamOptions,
    size=st.integers(1, 5),
    samples=st.integers(1, 2),
    finished=st.sampled_from(["compete", "reserve", "shelve", "first"]),
)


def foreseen_in_vain(options: BeamOptions, teachers: int, seed: int) -> int:
    """Plays a search, asks it at every arrival what is sure, and counts what was not asked for in the end."""
    machine = Beam(options).start(SearchSetting(teachers))
    say, rng, vain = drawn(seed), random.Random(seed), 0
    expansions = machine.ask()
    while expansions:
        arriving = rng.sample(list(expansions), len(expansions))
        known, sure = {}, set()
        for at, expansion in enumerate(arriving, 1):
            answer = say(expansion)
            if answer is not None:
                known.setdefault(answer.trajectory.key, answer)
            sure |= asked_by(machine.foresee(list(known.values()), len(arriving) - at))
        machine.tell(list(known.values()), len(known))
        expansions = machine.ask()
        vain += len(sure - asked_by(expansions))
    return vain


def asked_by(expansions: Sequence[Expansion]) -> set[tuple[str, int, int]]:
    """What expansions ask, whatever their numbers."""
    return {(one.prefix.key, one.teacher, one.index) for one in expansions}


@given(beams, st.integers(1, 4), st.integers(0, 10_000))
def test_what_is_foreseen_is_asked(options: BeamOptions, teachers: int, seed: int) -> None:
    assert foreseen_in_vain(options, teachers, seed) == 0


@pytest.mark.parametrize("bug", ["one place too many", "pending ones forgotten"])
def test_a_search_that_is_too_sure_is_found_out(bug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sure = completion.surely_open
    wrong = {
        "one place too many": lambda rule, finished, known, pending, size: sure(
            rule, finished, known, pending, size + 1
        ),
        "pending ones forgotten": lambda rule, finished, known, pending, size: sure(rule, finished, known, 0, size),
    }
    monkeypatch.setattr("cordspec_std.searches.beam.surely_open", wrong[bug])
    assert any(foreseen_in_vain(BeamOptions(size=2), 3, seed) for seed in range(40))


@dataclass
class Writer(Scripted):
    """Says by its seed one of few things, in its own number of tokens, after a pause of its own."""

    steps: Sequence[str] = ()
    tokens_a_word: int = 1
    rng: random.Random = field(default_factory=lambda: random.Random(0))
    ledger: Ledger = field(default_factory=Ledger)
    depths: list[int] = field(default_factory=list)
    """How many steps stand before what is being written, for all writers together."""
    early: bool = False

    @property
    def load(self) -> int:
        return len(self.depths)

    def count_tokens(self, text: str) -> int:
        return self.tokens_a_word * len(text.split())

    async def generate(self, request: GenerateRequest) -> Generation:
        text = "".join(segment.text for segment in request.prompt)
        done = text.count("### Step") - text.endswith("### Step 1.")
        self.early |= done > min(self.depths, default=done)
        self.depths.append(done)
        try:
            for _ in range(self.rng.randint(0, 12)):
                await asyncio.sleep(0)
        finally:
            self.depths.remove(done)
        note(Call("teacher", "w", 0, 0, 4, 0, 0.0), self.ledger, remembered=False)
        say = random.Random(request.seed)
        if text.endswith("</think>"):
            return Generation("\n\nThe final answer is 2.", 6, "end")
        header = "" if done == 0 else f"\n### Step {done + 1}."
        space = say.choice([" ", "  "])  # duplicates that differ in white space
        body = f"{header} step{space}{say.randrange(4)}."
        return Generation(body, 4, "stop", "</think>" if done >= 3 and say.random() < 0.6 else request.stop[0])


class ByContent:
    """A score that depends on the tokens that are counted, so that a duplicate's own score would be another."""

    needs_answer = False

    def __init__(self, rng: random.Random, *, reads_lengths: bool = True) -> None:
        self.rng, self.reads_lengths = rng, reads_lengths

    async def score(self, candidates: Sequence[Candidate]) -> list[float]:
        for _ in range(self.rng.randint(0, 12)):
            await asyncio.sleep(0)
        (one,) = candidates
        of_length = one.step_tokens / 1000 if self.reads_lengths else 0.0
        return [random.Random(one.trajectory.key).random() + of_length]


def decoded(
    seed: int, *, eager: bool, guesses: int = 0, rule: str = "compete", lengths: bool = True, thinking: int = 1_000
) -> tuple[SearchRecord, list[Writer]]:
    rng, depths = random.Random(seed), list[int]()
    writers = [Writer(tokens_a_word=words, rng=rng, depths=depths) for words in (1, 2, 1)]
    teachers = tuple(Teacher(f"t{at}", writer, Sampling()) for at, writer in enumerate(writers))
    calm = Attendance("fail", 0.0, Journal(":memory:"))  # type: ignore[arg-type]
    pool = Pool(teachers, StepHeader(StepHeaderOptions()), Budget(steps=6, thinking=thinking), 1, calm)
    search = Beam(BeamOptions(size=3, finished=rule))  # type: ignore[arg-type]
    driver = Driver(
        pool,
        ByContent(rng, reads_lengths=lengths),
        BLOCK,
        search,
        lambda record, wave: None,
        eager=eager,
        guesses=guesses,  # type: ignore[arg-type]
    )
    return asyncio.run(driver.decode(Problem("What is 1 + 1?", "2"))), writers


@pytest.mark.parametrize("thinking", [1_000, 20])
@pytest.mark.parametrize("lengths", [True, False])
@pytest.mark.parametrize("rule", ["compete", "reserve", "shelve", "first"])
def test_certain_commit_and_guesses_change_no_event(rule: str, lengths: bool, thinking: int) -> None:
    """Also where a budget is nearly spent, and whose tokens count decides what is asked."""
    waited, _ = decoded(0, eager=False, rule=rule, lengths=lengths, thinking=thinking)
    assert len(waited.waves) > 1
    for seed in range(15):
        for guesses in (0, 100):
            record, _ = decoded(seed, eager=True, guesses=guesses, rule=rule, lengths=lengths, thinking=thinking)
            assert record.events == waited.events


def test_certain_commit_wastes_nothing_and_a_guess_may() -> None:
    def wasted(guesses: int) -> int:
        return sum(
            writer.ledger.roles["teacher"].wasted_tokens
            for seed in range(10)
            for writer in decoded(seed, eager=True, guesses=guesses)[1]
        )

    assert wasted(0) == 0
    assert wasted(100) > 0


def test_what_is_sure_begins_before_the_wave_is_over() -> None:
    def early(*, eager: bool) -> int:
        return sum(writer.early for seed in range(20) for writer in decoded(seed, eager=eager)[1])

    assert early(eager=True) > 20
    assert early(eager=False) == 0


def test_what_was_begun_for_another_prefix_of_the_same_text_is_not_taken() -> None:
    """Two ways to one text have their own lengths, and a merge its own sources."""
    short, long = (Trajectory((Step("\nx", ("a",), tokens),)) for tokens in (1, 2))
    assert short.key == long.key
    pairs = [
        (Expansion(0, short, 0), Expansion(1, long, 0)),
        (Expansion(0, Trajectory(), 0, 0, "merge", (short,)), Expansion(1, Trajectory(), 0, 0, "merge", (long, short))),
    ]

    async def main(begun: Expansion, taken: Expansion) -> list[Expansion]:
        asked: list[Expansion] = []

        async def ask(expansion: Expansion) -> Answered:
            asked.append(expansion)
            return Answered(expansion, None)

        ahead = Ahead(ask)
        ahead.begin([begun])
        await ahead.take(taken)
        await ahead.drop()
        return asked

    for begun, taken in pairs:
        assert taken in asyncio.run(main(begun, taken))


@pytest.mark.parametrize("how", ["fails", "is absent"])
def test_what_was_begun_early_in_vain_is_asked_anew(how: str) -> None:
    """Whoever could not be asked then may be back when it is wanted."""
    asked: list[Expansion] = []

    async def ask(expansion: Expansion) -> Answered:
        asked.append(expansion)
        if len(asked) > 1:
            return Answered(expansion, Proposal("t", ("\nx",), (1,), False, False, 1))
        if how == "fails":
            raise Unavailable("gone")
        return Answered(expansion, None, absence=Absence("gone"))

    async def main() -> Answered:
        ahead, expansion = Ahead(ask), Expansion(0, Trajectory(), 0)
        ahead.begin([expansion])
        await asyncio.sleep(0.01)
        return await ahead.take(expansion)

    assert asyncio.run(main()).proposal is not None and len(asked) == 2


@pytest.mark.parametrize("late", [0, 1])
def test_a_score_that_duplicates_share_is_counted_once_and_as_new(late: int) -> None:
    """Whichever of them comes first."""
    ledger, known = Ledger(), set[str]()

    async def ask(expansion: Expansion) -> Answered:
        if expansion.number == late:
            await asyncio.sleep(0.02)
        return Answered(expansion, Proposal(f"t{expansion.number}", ("\nx",), (1,), False, False, 1))

    async def score(one: Merged) -> tuple[Score, Calls]:
        calls, key = Calls(), one.trajectory.key
        calls.add(Call("prover", "p", 5, 5, 0, 1, 0.0), ledger, remembered=key in known)
        known.add(key)
        return Score(1.0), calls

    expansions = [Expansion(number, Trajectory(), number) for number in range(2)]
    asyncio.run(WaveWork(expansions, Ahead(ask), score, None, False).run())
    spend = ledger.roles["prover"]
    assert (spend.calls, spend.remembered, spend.wasted_tokens) == (1, 0, 0)
