"""The limit on calls under way against servers that take a number of them that nobody knows."""

from __future__ import annotations

import asyncio
import math
import random

import pytest

from cordspec_api.adaptive_limit import BEGIN, SLOWLY, AdaptiveLimit


class Server:
    """Takes ``room`` calls at a time, each for some turns of the loop, and refuses the others."""

    def __init__(self, room: int) -> None:
        self.room, self.under_way, self.peak, self.refused = room, 0, 0, 0

    async def call(self, limit: AdaptiveLimit, rng: random.Random) -> None:
        while True:
            async with limit.slot():
                await asyncio.sleep(0)
                if self.under_way < self.room:
                    self.under_way += 1
                    self.peak = max(self.peak, self.under_way)
                    limit.taken()
                    for _ in range(rng.randint(40, 80)):
                        await asyncio.sleep(0)
                    self.under_way -= 1
                    return
                self.refused += 1
                limit.refused()


def asked(server: Server, count: int, limit: AdaptiveLimit) -> AdaptiveLimit:
    async def main() -> None:
        rng = random.Random(count)
        await asyncio.gather(*(server.call(limit, rng) for _ in range(count)))

    asyncio.run(main())
    return limit


@pytest.mark.parametrize("room", [1, 3, 8, 20, 64])
def test_it_finds_out_what_a_server_takes_with_few_refusals(room: int) -> None:
    server = Server(room)
    limit = asked(server, 2_000, AdaptiveLimit())
    assert server.refused <= BEGIN + 2_000 / SLOWLY
    assert server.peak == room and limit.waiting == 0


def test_a_server_that_refuses_nothing_has_them_all() -> None:
    server = Server(10_000)
    asked(server, 500, AdaptiveLimit())
    assert server.peak > 400 and not server.refused


def test_it_grows_again_when_a_server_takes_more() -> None:
    server = Server(2)
    limit = asked(server, 200, AdaptiveLimit())
    server.room, server.peak = 100, 0
    asked(server, 1_000, limit)
    assert server.peak == 100


def test_there_is_a_most() -> None:
    server = Server(10_000)
    assert asked(server, 100, AdaptiveLimit(5)).limit == server.peak == 5


def test_the_last_call_of_all_may_always_try() -> None:
    limit = AdaptiveLimit()

    async def main() -> None:
        async with limit.slot():
            assert not limit.refused(), "nobody else is there"
        async with limit.slot():
            pass

    asyncio.run(main())
    assert limit.limit == 1


def test_the_urgent_go_before_the_others_and_each_line_in_its_order() -> None:
    limit, begun = AdaptiveLimit(1), []

    async def call(name: str, *, urgent: bool) -> None:
        async with limit.slot(urgent=urgent):
            begun.append(name)
            await asyncio.sleep(0)

    async def main() -> None:
        calls = (("a", False), ("b", False), ("c", True), ("d", False), ("e", True))
        await asyncio.gather(*(call(name, urgent=urgent) for name, urgent in calls))

    asyncio.run(main())
    assert begun == ["a", "c", "e", "b", "d"]


@pytest.mark.parametrize("seed", range(20))
def test_calls_that_are_given_up_leave_their_room(seed: int) -> None:
    rng, limit = random.Random(seed), AdaptiveLimit(3)

    async def call() -> None:
        async with limit.slot(urgent=rng.random() < 0.3):
            await asyncio.sleep(rng.random() / 500)

    async def main() -> None:
        calls = [asyncio.ensure_future(call()) for _ in range(40)]
        for one in calls:
            if rng.random() < 0.5:
                await asyncio.sleep(0)
                one.cancel()
        await asyncio.wait(calls)
        assert limit.waiting == 0 and limit._under_way == 0
        await asyncio.wait_for(call(), 1)

    asyncio.run(main())
    assert limit.limit < math.inf


def test_a_call_that_is_given_up_just_as_room_is_made_is_given_up() -> None:
    limit = AdaptiveLimit(1)

    async def hold(until: asyncio.Event) -> None:
        async with limit.slot():
            await until.wait()

    async def main() -> None:
        leave, never = asyncio.Event(), asyncio.Event()
        first = asyncio.ensure_future(hold(leave))
        await asyncio.sleep(0)
        second = asyncio.ensure_future(hold(never))
        await asyncio.sleep(0)
        leave.set()  # the first one runs before the second one learns that nobody waits for it
        second.cancel()
        await asyncio.wait([first, second])
        assert second.cancelled() and limit.waiting == 0 and limit._under_way == 0

    asyncio.run(main())
