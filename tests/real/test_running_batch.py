"""Generations that join and leave a running batch: answers as alone, whatever comes and goes beside them."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable

import pytest
import torch

from cordspec.plugin import (
    GenerateRequest,
    Generation,
    Sampling,
    ScoreRequest,
    Unavailable,
    forced_answer_prompt,
    thinking_prompt,
)
from cordspec_hf import running
from cordspec_hf.engine import TransformersEngine
from cordspec_hf.reading import Reader
from cordspec_hf.row_states import RowStates
from cordspec_hf.running import RunningBatch

Make = Callable[..., TransformersEngine]
QUESTIONS = (
    "Shelf A has 13 cups and gains 5. How many items are on each shelf?",
    "Shelf A has 13 cups and gains 5. Shelf B has 4 boxes of 6 pens. How many items are on each shelf?",
    "Shelf A has 9 cups and loses 5. Shelf B has 3 boxes of 7 pens. Shelf C has 2 pens. How many items are on each shelf?",
)
STEP = "\n### Step 1. Shelf A: 13 + 5 = 18."


def ragged(engine: TransformersEngine) -> list[GenerateRequest]:
    """Prompts of 20 to 200 tokens, with short and long answers, drawn and greedy."""
    rng = random.Random(5)
    requests = []
    for seed in range(18):
        prompt = thinking_prompt(engine.opening(QUESTIONS[seed % 3]), STEP * rng.randint(0, 8))
        sampling = Sampling(rng.choice([0.0, 1.0]), rng.choice([1.0, 0.9]), rng.choice([0, 5]))
        stops = rng.choice([(), ("\n### Step",), ("</think>",)])
        requests.append(GenerateRequest(prompt, sampling, stops, rng.choice([1, 7, 30, 60]), seed))
    return requests


def joined_in(engine: TransformersEngine, requests: list[GenerateRequest], order: int) -> list[Generation]:
    """Answers to requests of which each, in a shuffled order, waits until some tokens of the others are drawn, and a score."""
    rng = random.Random(order)
    marks = [rng.randint(-30, 60) for _ in requests]

    async def late(request: GenerateRequest, mark: int) -> Generation:
        while engine.counters.generated < mark and (engine._running._rows or engine._running._waiting):
            await asyncio.sleep(0.0002)
        if mark % 2:
            forced = forced_answer_prompt(engine.opening(QUESTIONS[0]), STEP)
            await engine.score([ScoreRequest(forced, str(mark), ".")])
        (answer,) = await engine.generate([request])
        return answer

    async def all_of_them() -> list[Generation]:
        return list(await asyncio.gather(*map(late, requests, marks)))

    return asyncio.run(all_of_them())


@pytest.fixture
def joins(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rows were running whenever others joined them; turns are one step long."""
    monkeypatch.setattr(running, "TURN", 0.0)
    seen: list[int] = []
    original = RunningBatch._join

    def join(self: RunningBatch, now: float) -> None:
        before, waited = len(self._rows), len(self._waiting)
        original(self, now)
        if waited:
            seen.append(before)

    monkeypatch.setattr(RunningBatch, "_join", join)
    return seen


@pytest.fixture
def alone(engine: Make) -> list[Generation]:
    requests = ragged(engine("base"))
    return [asyncio.run(engine("base").generate([request]))[0] for request in requests]


@pytest.mark.parametrize("prefix_tokens", [200_000, 1_500, 50])
def test_who_joins_a_running_batch_is_answered_as_alone(
    engine: Make, joins: list[int], alone: list[Generation], prefix_tokens: int
) -> None:
    """In shuffled orders, and with a store so small that states are forgotten while they are continued."""
    for order in range(3):
        tested = engine("base", prefix_tokens=prefix_tokens)
        assert joined_in(tested, ragged(tested), order) == alone
        asyncio.run(tested.close())
        assert tested._tree.tokens <= prefix_tokens
        assert len(tested._running._states) == len(tested._running._rows) == 0
    assert len({answer.tokens for answer in alone}) > 3
    if prefix_tokens > 50:  # there, one row fills the batch
        assert sum(before > 0 for before in joins) > 5


@pytest.mark.parametrize("bug", ["not moved", "stale mask", "lost when grown", "wrong place"])
def test_bugs_of_a_running_batch_are_caught(
    engine: Make, joins: list[int], alone: list[Generation], bug: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop, reserve, room = RowStates.drop, RowStates._reserve, RowStates.room_for_one

    def not_moved(self: RowStates, row: int) -> None:
        kept = self._buffer[:, :, row].clone() if row < len(self) - 1 else None
        drop(self, row)
        if kept is not None:
            self._buffer[:, :, row] = kept

    def stale_mask(self: RowStates, row: int) -> None:
        length = self.lengths[row]
        drop(self, row)
        if row < len(self):
            self.lengths[row] = length

    def lost_when_grown(self: RowStates, rows: int, slots: int) -> None:
        if rows > self._buffer.shape[2] or slots > self._buffer.shape[4]:
            self._buffer.zero_()
        reserve(self, rows, slots)

    def wrong_place(self: RowStates):  # type: ignore[no-untyped-def]
        """As if all rows were as long as the longest: what right-aligned rows must shift when a longer one joins."""
        lengths = room(self)
        return lengths.clamp_min(self.longest)

    match bug:
        case "not moved":
            monkeypatch.setattr(RowStates, "drop", not_moved)
        case "stale mask":
            monkeypatch.setattr(RowStates, "drop", stale_mask)
        case "lost when grown":
            monkeypatch.setattr(RowStates, "_reserve", lost_when_grown)
        case "wrong place":
            monkeypatch.setattr(RowStates, "room_for_one", wrong_place)
    tested = engine("base")
    assert joined_in(tested, ragged(tested), 0) != alone


def test_a_buffer_is_not_as_long_as_its_longest_row_times_its_most_rows() -> None:
    states = RowStates((1, 1, 2), torch.float32, torch.device("cpu"), spare_places=3_000)
    states.add([[torch.ones((1, 2, 1, 10, 2))] for _ in range(100)])
    for _ in range(99):
        states.drop(0)
    states.add([[torch.ones((1, 2, 1, 900, 2))]])
    assert states.lengths == [10, 900]
    assert states.tokens(0, 0, 10).eq(1).all()
    assert states.tokens(1, 0, 900).eq(1).all()
    assert states._buffer.shape[2] * states._buffer.shape[4] <= 3_000


def endless(engine: TransformersEngine, seed: int, most: int = 900) -> GenerateRequest:
    """A generation of hundreds of tokens: nothing ends it but its length."""
    engine._ends = ()
    return GenerateRequest(thinking_prompt(engine.opening(QUESTIONS[0]), ""), Sampling(1.0), (), most, seed)


def test_a_cancelled_call_leaves_within_a_few_tokens_and_the_others_stay_as_they_are(engine: Make) -> None:
    tested, other = engine("base"), engine("base")
    short = endless(tested, 1, most=200)
    (wanted,) = asyncio.run(other.generate([endless(other, 1, most=200)]))

    async def cancel_one() -> tuple[Generation, int]:
        long = asyncio.create_task(tested.generate([endless(tested, seed) for seed in (2, 3, 4)]))
        stays = asyncio.create_task(tested.generate([short]))
        while len(tested._running._rows) < 4:
            await asyncio.sleep(0.001)
        before = tested.counters.generated
        long.cancel()
        with pytest.raises(asyncio.CancelledError):
            await long
        while len(tested._running._rows) > 1:
            await asyncio.sleep(0.001)
        more = tested.counters.generated - before
        return (await stays)[0], more

    said, more = asyncio.run(cancel_one())
    assert said == wanted
    assert more < 4 * 40, "it has hundreds of tokens to go, and a second is enough for that many on any machine"
    assert tested.counters.generated < 900
    assert tested.counters.requests == 1
    assert len(tested._running._states) == len(tested._running._rows) == len(tested._running._waiting) == 0


def test_an_error_reaches_those_who_wait_and_the_engine_goes_on(engine: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    tested, fresh = engine("base"), engine("base")
    request = ragged(tested)[2]
    (wanted,) = asyncio.run(fresh.generate([request]))
    score = ScoreRequest(forced_answer_prompt(tested.opening(QUESTIONS[0]), STEP), "A 18", ".")

    def broken(*_: object) -> None:
        raise MemoryError("no room")

    with monkeypatch.context() as patch:
        patch.setattr(running, "draw", broken)

        async def both() -> tuple[object, object]:
            return await asyncio.gather(tested.generate([request]), tested.score([score]), return_exceptions=True)

        failed, scored = asyncio.run(both())
        assert isinstance(failed, MemoryError)
        assert len(scored[0].values) > 0
    assert asyncio.run(tested.generate([request])) == [wanted]

    async def newcomer_fails() -> list[object]:
        stays = asyncio.create_task(tested.generate([request]))
        while not tested._running._rows:
            await asyncio.sleep(0)
        with monkeypatch.context() as patch:
            patch.setattr(Reader, "hold", broken)
            with pytest.raises(MemoryError):
                await tested.generate([endless(tested, 1)])
        return list(await stays)

    monkeypatch.setattr(running, "TURN", 0.0)
    request = endless(tested, 9, most=400)
    other = engine("base")
    (wanted,) = asyncio.run(other.generate([endless(other, 9, most=400)]))
    assert asyncio.run(newcomer_fails()) == [wanted]


def test_closing_gives_up_what_is_under_way(engine: Make) -> None:
    tested = engine("base")

    async def close_early() -> list[object]:
        calls = [asyncio.create_task(tested.generate([endless(tested, seed)])) for seed in range(3)]
        while len(tested._running._rows) < 3:
            await asyncio.sleep(0.001)
        await tested.close()
        return list(await asyncio.gather(*calls, return_exceptions=True))

    assert all(isinstance(one, Unavailable) for one in asyncio.run(close_early()))
    assert len(tested._running._states) == len(tested._running._rows) == 0
    before = tested.counters.generated
    time.sleep(0.05)
    assert tested.counters.generated == before < 3 * 900


def test_models_take_turns_and_scores_go_first(engine: Make) -> None:
    """A short generation of one model, and a score of another, come through a long one of a third in a fraction of its time."""
    long, short, prover = engine("base"), engine("adder"), engine("prover")
    score = ScoreRequest(forced_answer_prompt(prover.opening(QUESTIONS[0]), STEP), "A 18", ".")

    async def beside() -> tuple[int, int]:
        going = asyncio.create_task(long.generate([endless(long, 1)]))
        while long.counters.generated < 5:
            await asyncio.sleep(0.001)
        await asyncio.gather(short.generate([endless(short, 2, most=20)]), prover.score([score]))
        so_far = long.counters.generated
        await going
        return so_far, long.counters.generated

    so_far, whole = asyncio.run(beside())
    assert so_far < whole / 2


def test_what_engines_count(engine: Make) -> None:
    tested = engine("base")
    requests = ragged(tested)
    begin = time.perf_counter()
    asyncio.run(tested.generate(requests))
    asyncio.run(tested.score([ScoreRequest(forced_answer_prompt(tested.opening(QUESTIONS[0]), STEP), "A 18", ".")] * 4))
    seconds, counted = time.perf_counter() - begin, tested.counters
    assert counted.requests == len(requests) + 4
    assert 0.2 * seconds < counted.busy <= seconds
    assert 0 < counted.queued < seconds * counted.requests
