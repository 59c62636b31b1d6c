"""The door to engines: equal requests are asked once, answers come together to disk, what nobody wants is given up."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from cordspec import faultpoints
from cordspec.journal import Committer, Journal
from cordspec.plugin import EngineCounters, EngineTraits, GenerateRequest, Generation, Sampling, Segment
from cordspec.run.engine_use import EngineUse
from cordspec.run.gateway import ModelGateway


class Slow:
    """Answers when it is told to."""

    traits = EngineTraits("slow")
    counters = EngineCounters()

    def __init__(self) -> None:
        self.asked: list[GenerateRequest] = []
        self.given_up = 0
        self.go = asyncio.Event()

    async def generate(self, requests: Sequence[GenerateRequest]) -> list[Generation]:
        self.asked += requests
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.given_up += 1
            raise
        return [Generation(str(request.seed), 1, "end") for request in requests]


def ask(seed: int) -> GenerateRequest:
    return GenerateRequest((Segment("1 + 1"),), Sampling(), (), 4, seed)


class Counting(Journal):
    """Counts its transactions."""

    writes = 0

    def put(self, answers) -> None:
        self.writes += 1
        super().put(answers)


@pytest.fixture
def journal(tmp_path: Path) -> Counting:
    return Counting(tmp_path / "run.db")


def test_equal_requests_are_asked_once_and_written_together(journal: Counting) -> None:
    async def main() -> None:
        engine = Slow()
        gateway = ModelGateway(lambda: engine, "m", Committer(journal))
        writes = journal.writes
        waiting = [asyncio.ensure_future(gateway.generate(ask(at % 8), "teacher")) for at in range(24)]
        await asyncio.sleep(0.1)
        assert gateway.load == len(engine.asked) == 8
        engine.go.set()
        answers = await asyncio.gather(*waiting)
        assert [answer.text for answer, _, _ in answers] == [str(at % 8) for at in range(24)]
        assert gateway.load == 0 and journal.writes == writes + 1 and len(journal) == 8
        shares = [seconds for _, seconds, _ in answers[:8]]
        assert 0.05 < sum(shares) <= gateway.asked_seconds, "shares add up to the time before it was written"

    asyncio.run(main())


def test_nobody_has_an_answer_before_it_is_on_disk(journal: Counting) -> None:
    kept: list[int] = []

    async def main() -> None:
        engine = Slow()
        engine.go.set()
        await ModelGateway(lambda: engine, "m", Committer(journal)).generate(ask(1), "teacher")

    faultpoints.arm(lambda name: kept.append(len(journal)) if name == "engine.kept" else None)
    try:
        asyncio.run(main())
    finally:
        faultpoints.arm(None)
    assert kept == [1]


def test_a_request_goes_on_as_long_as_one_waits_for_it(journal: Counting) -> None:
    async def main() -> None:
        engine = Slow()
        gateway = ModelGateway(lambda: engine, "m", Committer(journal))
        one, other = (asyncio.ensure_future(gateway.generate(ask(1), "teacher")) for _ in range(2))
        alone = asyncio.ensure_future(gateway.generate(ask(2), "teacher"))
        await asyncio.sleep(0.01)
        one.cancel()
        alone.cancel()
        await asyncio.wait([one, alone])
        await asyncio.sleep(0.01)
        assert engine.given_up == 1 and gateway.load == 1
        again = asyncio.ensure_future(gateway.generate(ask(2), "teacher"))
        engine.go.set()
        assert (await other)[0].text == "1" and (await again)[0].text == "2"

    asyncio.run(main())


def test_what_an_engine_raises_reaches_all_who_wait_and_is_asked_again(journal: Counting) -> None:
    class Broken(Slow):
        async def generate(self, requests: Sequence[GenerateRequest]) -> list[Generation]:
            await asyncio.sleep(0)
            self.asked += requests
            raise ConnectionError("gone")

    async def main() -> None:
        engine = Broken()
        gateway = ModelGateway(lambda: engine, "m", Committer(journal))
        for _ in range(2):
            found = await asyncio.gather(
                *(gateway.generate(ask(1), "teacher") for _ in range(3)), return_exceptions=True
            )
            assert [str(one) for one in found] == ["gone"] * 3
        assert len(engine.asked) == 2 and gateway.load == 0 and len(journal) == 0

    asyncio.run(main())


def test_what_an_engine_did_for_others_is_not_counted_to_a_stage(journal: Counting) -> None:
    """Variants share engines: those that this one has not named yet may have worked before."""

    class Worked(Slow):
        counters = EngineCounters(prefilled=7, requests=5)

    async def main() -> None:
        engine = Worked()
        engine.go.set()
        gateway = ModelGateway(lambda: engine, "m", Committer(journal))
        await gateway.generate(ask(1), "teacher")
        named: dict[str, ModelGateway] = {}
        use = EngineUse(named, [gateway])
        named["model"] = gateway
        engine.counters = EngineCounters(prefilled=9, requests=6)
        row = use.as_dict()["model"]
        assert (row["requests"], row["prefilled_tokens"]) == (1, 2)

    asyncio.run(main())


@pytest.mark.parametrize("cancelled", [False, True])
def test_of_equal_requests_one_is_new_and_the_others_are_known(journal: Counting, cancelled: bool) -> None:
    async def main() -> list[bool]:
        engine = Slow()
        gateway = ModelGateway(lambda: engine, "m", Committer(journal))
        waiting = [asyncio.ensure_future(gateway.generate(ask(1), "teacher")) for _ in range(3)]
        await asyncio.sleep(0.01)
        if cancelled:
            waiting.pop(0).cancel()
        engine.go.set()
        return [known for _, _, known in [*await asyncio.gather(*waiting), await gateway.generate(ask(1), "teacher")]]

    assert asyncio.run(main()) == [False, True, True] + [True] * (not cancelled)
