"""A replica that stands still: who waited is told so, who comes in the meantime is watched too, and nobody is left behind."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from cordspec.plugin import Unavailable
from cordspec_api.retrying import RetryBudget
from cordspec_serving import engine as served
from cordspec_serving import replicas
from cordspec_serving.asking import Asking
from cordspec_serving.backend import Span
from cordspec_serving.clocks import Clocks
from cordspec_serving.engine import ServedEngine
from cordspec_serving.failures import Failed
from cordspec_serving.replicas import Replica, Replicas
from cordspec_serving.sglang.backend import SglangBackend


class Still:
    """Answers when it is asked how it goes, and never gets on."""

    closed = False

    async def progress(self) -> float:
        return 1.0

    async def close(self) -> None:
        self.closed = True


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replicas, "LOOK", 0.01)


def test_a_request_that_comes_while_others_are_given_up_is_watched_too() -> None:
    async def main() -> None:
        replica = Replica(Still(), 0.03)  # type: ignore[arg-type]
        later: list[asyncio.Task[Any]] = []

        async def hang(then_ask: bool = False) -> None:
            try:
                await asyncio.sleep(60)
            finally:
                if then_ask:
                    later.append(asyncio.ensure_future(replica.do(hang())))
                    await asyncio.sleep(0)

        first = asyncio.gather(replica.do(hang(then_ask=True)), replica.do(hang()), return_exceptions=True)
        assert [type(one) for one in await first] == [Failed, Failed]
        async with asyncio.timeout(2):
            found = await asyncio.gather(*later, return_exceptions=True)
        assert [type(one) for one in found] == [Failed]
        assert replica.load == 0
        await replica.close()

    asyncio.run(main())


def test_who_cancels_a_request_sees_it_cancelled() -> None:
    async def main() -> None:
        replica = Replica(Still(), 60)  # type: ignore[arg-type]
        task = asyncio.ensure_future(replica.do(asyncio.sleep(60)))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled() and replica.load == 0
        await replica.close()

    asyncio.run(main())


def test_when_one_replica_cannot_be_attached_the_others_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    asked_after_close: list[bool] = []

    async def probe(backend: Still, encode: object, dtype: str) -> None:
        if backend is broken:
            raise Unavailable("gone")
        try:
            await asyncio.sleep(0.05)
        finally:
            asked_after_close.append(backend.closed)

    broken, sound = Still(), Still()
    monkeypatch.setattr(served, "probe", probe)

    async def main() -> None:
        async def attach() -> list[Still]:
            return [broken, sound]

        engine = ServedEngine.__new__(ServedEngine)
        engine._attach, engine._clocks, engine._dtype, engine._budget = attach, Clocks(), "float32", RetryBudget()  # type: ignore[assignment]
        with pytest.raises(Unavailable, match="gone"):
            await engine._begin()
        assert broken.closed and sound.closed
        await asyncio.sleep(0.1)

    asyncio.run(main())
    assert asked_after_close == [False], "its trial ended before its connection did"


def test_the_other_requests_of_a_score_end_when_one_of_them_fails() -> None:
    ended: list[int] = []

    class Half(SglangBackend):
        async def _next(self, ids: tuple[int, ...], token: int, urgent: bool) -> tuple[float | None, int | None]:
            if token == 1:
                raise Unavailable("gone")
            try:
                await asyncio.sleep(60)
            finally:
                ended.append(token)
            return None, None

    async def main() -> None:
        with pytest.raises(Unavailable, match="gone"):
            await Half(None).next_tokens(Span((0, 1, 2, 3), 1, 4), urgent=True)  # type: ignore[arg-type]
        assert ended == [2, 3]

    asyncio.run(main())


def test_those_who_come_while_replicas_are_tried_are_shared_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of two replicas was left alone for a while; twenty problems come at once."""
    monkeypatch.setattr(replicas, "AWAY", -1.0)

    class Tried(Still):
        async def renewed(self) -> bool:
            await asyncio.sleep(0.01)
            return False

    async def main() -> None:
        both = Replicas([Replica(Tried(), 60), Replica(Tried(), 60)])  # type: ignore[arg-type]
        asking = Asking(both, RetryBudget(), 60, lambda tokens: None)
        asked: list[object] = []

        async def work(backend: object) -> None:
            asked.append(backend)
            await asyncio.sleep(0.01)

        await asyncio.gather(*(asking.ask(str(at), work) for at in range(20)))
        assert [sum(one is replica.backend for one in asked) for replica in both.all] == [10, 10]
        await both.close()

    asyncio.run(main())
