"""Simulated engines against closed forms and against an iteration-by-iteration scheduler, with the bugs that these catch."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import replace

import pytest

from cordspec.run.simulating.clock import Deadlock, run_virtually
from cordspec.run.simulating.jobs import Job
from cordspec.run.simulating.replica import BUDGET, Replica
from cordspec.run.simulating.texts import count_tokens, marked, pieces_of
from cordspec.run.simulating.timing import Timing
from tests.unit.simulated import served, timing


def test_virtual_seconds_pass_at_once_and_in_order() -> None:
    async def work() -> list[tuple[float, int]]:
        seen = []

        async def one(seconds: int) -> None:
            await asyncio.sleep(seconds)
            seen.append((asyncio.get_running_loop().time(), seconds))

        await asyncio.gather(*(one(seconds) for seconds in (5_000, 20, 300)))
        return seen

    begin = time.monotonic()
    assert run_virtually(work()) == [(20, 20), (300, 300), (5_000, 5_000)]
    assert time.monotonic() - begin < 5


def test_waiting_for_what_never_comes_is_told() -> None:
    async def work() -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(Deadlock):
        run_virtually(work())


def test_texts_say_how_long_they_are() -> None:
    text = marked("Q", 300) + "<think>\n### Step 1." + marked(" ab", 412)
    assert pieces_of(text) == ([("Q [300]", 300), ("<think>\n### Step 1. ab [412]", 412)], "")
    assert count_tokens(text + "\n</think> and more") == 300 + 412 + 3


def alone(it: Timing, prompt: int, tokens: int) -> float:
    """A lone request: its prompt, whose iteration gives the first token, then one iteration for each other token."""
    return it.iteration(prompt, 0) + sum(it.iteration(1, prompt + done) for done in range(1, tokens))


def test_a_lone_request_takes_its_prompt_and_its_iterations() -> None:
    it = timing()
    ended = run_virtually(served(Replica(it), [(0.0, marked("q", 5_000), 400)]))
    assert ended[0] == pytest.approx(alone(it, 5_000, 400), rel=1e-9)
    expected = 5_000 * it.token + it.constant + 399 * (it.weights + 5_200 * it.state + it.constant)
    assert ended[0] == pytest.approx(expected, rel=1e-9)


def test_a_scheduler_that_forgets_to_read_states_is_caught() -> None:
    it = timing()
    ended = run_virtually(served(Replica(replace(it, state=0.0)), [(0.0, marked("q", 5_000), 400)]))
    assert ended[0] != pytest.approx(alone(it, 5_000, 400), rel=0.01)


def saturated(it: Timing, batch: int, prompt: int, tokens: int, rounds: int) -> float:
    """Tokens a second with so many requests always under way, each with a prompt of its own."""

    async def work() -> float:
        replica = Replica(it)

        async def one(lane: int) -> None:
            await asyncio.sleep(lane * 1e-3)
            for number in range(rounds):
                job = Job.of(marked(f"{lane}-{number}", prompt), marked(" w", tokens), tokens)
                replica.submit(job)
                await job.over

        await asyncio.gather(*(one(lane) for lane in range(batch)))
        return asyncio.get_running_loop().time()

    return batch * rounds * tokens / run_virtually(work())


def test_saturated_throughput_is_the_batch_over_its_iteration() -> None:
    it = timing()
    batch, prompt, tokens = 40, 16, 2_000
    expected = batch / it.iteration(batch, batch * (prompt + tokens // 2))
    assert saturated(it, batch, prompt, tokens, 4) == pytest.approx(expected, rel=0.02)
    assert saturated(replace(it, state=0.0), batch, prompt, tokens, 4) != pytest.approx(expected, rel=0.05)


def one_by_one(it: Timing, requests: Sequence[tuple[float, int, int]]) -> list[float]:
    """When each request ends, by a loop over single iterations: another way to the same, without memory or reuse."""
    now, ended = 0.0, [0.0] * len(requests)
    todo = [prompt for _, prompt, _ in requests]
    done = [0] * len(requests)
    inside: list[int] = []
    waiting = sorted(range(len(requests)), key=lambda one: requests[one][0])
    while inside or waiting:
        if not inside and waiting:
            now = max(now, requests[waiting[0]][0])
        decoding = [one for one in inside if not todo[one]]
        room = BUDGET - len(decoding) - sum(todo[one] for one in inside)
        while waiting and requests[waiting[0]][0] <= now + 1e-12 and room > 0:
            room -= todo[waiting[0]]
            inside.append(waiting.pop(0))
        budget, chunks = BUDGET - len(decoding), []
        for one in inside:
            if todo[one] and budget > 0:
                chunks.append((one, min(todo[one], budget)))
                budget -= todo[one]
        context = sum(requests[one][1] + done[one] for one in decoding)
        context += sum(requests[one][1] - todo[one] for one, _ in chunks)
        now += it.iteration(len(decoding) + sum(chunk for _, chunk in chunks), context)
        for one in decoding:
            done[one] += 1
        for one, chunk in chunks:
            todo[one] -= chunk
            done[one] += not todo[one]
        for one in [one for one in inside if not todo[one] and done[one] >= requests[one][2]]:
            ended[one] = now
            inside.remove(one)
    return ended


def drawn(seed: int) -> list[tuple[float, int, int]]:
    rng = random.Random(seed)
    return [(rng.uniform(0, 8), rng.choice((300, 3_000, 9_000)), rng.randint(1, 300)) for _ in range(24)]


@pytest.mark.parametrize("seed", range(5))
def test_stretches_end_as_iterations_one_by_one_do(seed: int) -> None:
    requests, it = drawn(seed), timing(4)
    asked = [(at, marked(f"{number}", prompt), tokens) for number, (at, prompt, tokens) in enumerate(requests)]
    assert run_virtually(served(Replica(it), asked)) == pytest.approx(one_by_one(it, requests), abs=1e-6)


def test_a_stretch_that_does_not_end_for_an_arrival_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Replica, "_cut", lambda self, stretch, time: None)
    requests, it = drawn(0), timing(4)
    asked = [(at, marked(f"{number}", prompt), tokens) for number, (at, prompt, tokens) in enumerate(requests)]
    assert run_virtually(served(Replica(it), asked)) != pytest.approx(one_by_one(it, requests), abs=1e-6)


def test_a_held_prefix_is_computed_once() -> None:
    replica = Replica(timing())
    prefix = marked("q", 300) + marked("\n### Step 1. a", 405)
    run_virtually(served(replica, [(0.0, prefix, 100), (50.0, prefix, 100), (99.0, marked("q", 300), 0)]))
    assert replica.counters.prefilled == 705 + 705 % 16 + 300 - 299 // 16 * 16
    assert replica.counters.reused == 705 // 16 * 16 + 299 // 16 * 16
    assert replica.counters.generated == 200


def test_what_a_teacher_wrote_is_held_for_the_next_step() -> None:
    replica = Replica(timing())
    prompt = marked("q", 300)
    run_virtually(served(replica, [(0.0, prompt, 100), (50.0, prompt + marked(" written 0", 100), 100)]))
    assert replica.counters.prefilled == 300 + 16  # at least the last token is computed, so the last block


def small(resident: int) -> Replica:
    return Replica(replace(timing(), resident=resident))


def test_where_memory_ends_the_newest_makes_room_and_all_end() -> None:
    replica = small(4_000)
    asked = [(number * 0.01, marked(f"q{number}", 500), 600) for number in range(12)]
    ended = run_virtually(served(replica, asked))
    assert ended == sorted(ended)
    assert max(one.used for one in replica.timeline.stretches) <= 4_000
    assert replica.counters.prefilled > 12 * 500
    assert replica.counters.generated == 12 * 600
    assert any(one.waiting for one in replica.timeline.stretches)


def test_the_longest_unused_prefix_is_given_up_first() -> None:
    replica = small(2_000)
    first, second, third = (marked(name, 700) for name in "abc")
    run_virtually(
        served(replica, [(0, first, 10), (5, second, 10), (10, third, 10), (15, second, 10), (20, first, 10)])
    )
    assert replica.counters.reused == 700 // 16 * 16


def test_scores_come_before_continuations() -> None:
    replica = Replica(timing())
    big = [(0.0, marked(f"q{number}", 8_000), 50) for number in range(6)]
    ended = run_virtually(served(replica, [*big, (0.01, marked("s", 400), 0)]))
    assert ended[-1] < min(ended[2:6])


def test_a_withdrawn_request_is_given_up_with_its_iteration() -> None:
    async def work() -> float:
        replica = Replica(timing())
        job = Job.of(marked("q", 300), marked(" w", 4_000), 4_000)
        replica.submit(job)
        await asyncio.sleep(1)
        replica.withdraw(job)
        await job.over
        assert replica.counters.generated < 100
        return asyncio.get_running_loop().time()

    assert run_virtually(work()) < 1.1


def test_a_window_is_busy_where_the_memory_or_the_batch_is_full() -> None:
    replica = small(4_000)
    asked = [(0.0, marked(f"q{number}", 900), 90) for number in range(4)]
    end = max(run_virtually(served(replica, asked)))
    shares = replica.timeline.shares(0.0, 2 * end)
    assert shares.working == pytest.approx(0.5, abs=0.01)
    assert 0 < shares.full <= shares.busy <= 0.5
    assert shares.batch > 3
