"""Servers that fail on command, over real sockets: what becomes of each call, and how often anything is asked in all.

Faults have the numbers of the failure model in `docs/engines.md`. Each script is run where it has a meaning: at the first, a
middle and the last token of an answer. A healthy server's answer depends on the request and the weights alone; so an answer
that equals the healthy one holds nothing of a torn stream and nothing of another server's weights.
"""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest
from aiohttp import web

from cordspec.domain.events import Absent
from cordspec.errors import StageError
from cordspec.journal import Committer, Journal
from cordspec.model.blocks import Budget
from cordspec.plugin import Engine, Generation, Sampling, Unavailable
from cordspec.run import attendance
from cordspec.run.attendance import Attendance
from cordspec.run.censoring import Censoring
from cordspec.run.driver import Driver, SearchRecord, WaveRecord
from cordspec.run.gateway import ModelGateway
from cordspec.run.ledger import Ledger
from cordspec.run.teachers import Pool, Teacher
from cordspec_api import adaptive_limit
from cordspec_api.address import Address
from cordspec_serving import asking as asks
from cordspec_serving import breaker, completion_stream, connection, engine, reading, replicas
from cordspec_serving.backend import Valued
from cordspec_serving.clocks import Clocks, Grace
from cordspec_serving.failures import DeadlinePassed, Failed, OtherModel
from cordspec_serving.identity import Identity
from cordspec_std.searches.beam import Beam, BeamOptions
from cordspec_std.segmenters.step_header import StepHeader, StepHeaderOptions
from tests.real.fault_server import WELL, At, Fault, FaultServer
from tests.real.fault_stand import CLOCKS, Stand, always, asking, once, scoring, stand
from tests.unit.test_driver import BLOCK, PROBLEM, ByLength

PLACES: tuple[At, ...] = ("first", "middle", "last")


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses of milliseconds; a script waits for about a second at most."""
    monkeypatch.setattr(asks, "PAUSES", (0.01, 0.02, 0.04))
    monkeypatch.setattr(engine, "PAUSES", (0.01,))
    monkeypatch.setattr(breaker, "RESTS", (0.02, 0.04, 0.08))
    monkeypatch.setattr(replicas, "LOOK", 0.05)
    monkeypatch.setattr(replicas, "AWAY", 0.0)
    monkeypatch.setattr(attendance, "FIRST_PAUSE", 0.05)


def play(script: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(script)


# F15, F16, F17, F21: what fails is asked again, with the same seed, and nothing of it is used

TORN = ["die", "close", "done", "abort", "error", "garbage", "hang"]
EARLY = {
    "reset": Fault("reset"),
    "500": Fault("status", status=500),
    "502": Fault("status", status=502),
    "503": Fault("status", status=503),
    "504": Fault("status", status=504),
    "429": Fault("status", status=429, after="0.05"),
    "408": Fault("status", status=408),
}
FAULTS = {f"{what} at the {at} token": Fault(what, at) for what in TORN for at in PLACES} | EARLY


@pytest.mark.parametrize("name", FAULTS)
def test_a_draw_that_failed_is_made_again_and_nothing_of_it_is_used(name: str) -> None:
    async def script() -> None:
        async with stand() as here:
            healthy = await here.draw(asking())
            here.arm(once(FAULTS[name]))
            found = await here.draw(asking())
            draws = [body for kind, body in here.calls if kind == "draw"]
            assert found == healthy and found.text
            assert len(draws) == 2 and draws[0] == draws[1], "the same request with the same seed"
            assert here.extra() in (1, 2), "one repetition, and one trial where the connection was lost"
            assert here.engine.counters.repeated == 1

    play(script())


@pytest.mark.parametrize("name", [name for name in FAULTS if "first" not in name and "last" not in name])
def test_another_replica_is_gone_to_where_there_is_one(name: str) -> None:
    async def script() -> None:
        async with stand(2) as here:
            healthy = await here.draw(asking())
            home = here.engine._replicas.home("x")
            at = here.engine._replicas.all.index(home)
            faults = [lambda kind, number, body: FAULTS[name]] * 2
            here.arm(*(faults[one] if one == at else (lambda kind, number, body: None) for one in range(2)))
            found = [await here.draw(asking(seed=seed)) for seed in (7, 7, 7)]
            assert found == [healthy] * 3
            assert len(here.servers[1 - at].bodies) >= 2
            assert here.extra(needed=3) <= 2

    play(script())


@pytest.mark.parametrize("name", [name for name in FAULTS if "first" not in name and "last" not in name])
def test_any_server_that_streams_completions_is_held_to_the_same(name: str) -> None:
    """The dialect `openai` of `completions`: another engine of ours over the same faults."""

    async def script() -> None:
        async with stand(dialect="openai") as here:
            assert here.engine.traits is not None and here.engine.traits.found["moves by"] == "tokens that come"
            healthy = await here.draw(asking())
            here.arm(once(FAULTS[name]))
            assert await here.draw(asking()) == healthy and healthy.text
            assert here.engine.counters.repeated == 1 and here.extra() <= 2

    play(script())


def test_many_calls_wait_together_for_who_is_there() -> None:
    """After a restart while nothing was asked, not one of those that come at once goes by the trial."""

    async def script() -> None:
        async with stand() as here:
            await redeployed(here.servers[0], weights="b")
            here.arm()
            calls = (here.draw(asking(seed=at, question=f"{at}")) for at in range(12))
            found = await asyncio.gather(*calls, return_exceptions=True)
            assert {type(one) for one in found} == {OtherModel}
            assert not [kind for kind, body in here.calls if kind == "draw"]

    play(script())


def test_a_server_that_is_away_for_a_moment_is_waited_for() -> None:
    """Refused connections: nothing reaches it, so nothing is repeated."""

    async def script() -> None:
        async with stand() as here:
            healthy = await here.draw(asking())
            (server,) = here.servers
            await server.stop()
            here.arm()
            waiting = asyncio.ensure_future(here.draw(asking()))
            await asyncio.sleep(0.05)
            await server.start()
            assert await waiting == healthy
            assert [kind for kind, _ in here.calls].count("draw") == 1 and here.extra() <= 1

    play(script())


def test_a_server_that_fails_for_good_is_told_of_and_left_alone() -> None:
    async def script() -> None:
        async with stand() as here:
            here.arm(lambda kind, number, body: Fault("status", status=500))
            for _ in range(6):
                with pytest.raises(Failed, match="status 500: EngineCore encountered an issue"):
                    await here.draw(asking())
            assert here.engine._replicas.all[0].breaker._opened

    play(script())


def test_a_connection_that_is_not_taken_up_is_given_up() -> None:
    """The queue of the listening socket is full: the connection hangs, and the connect clock ends it."""

    async def script() -> None:
        with socket.socket() as deaf, socket.socket() as one, socket.socket() as two:
            deaf.bind(("127.0.0.1", 0))
            deaf.listen(0)
            for filling in (one, two):
                filling.setblocking(False)
                filling.connect_ex(deaf.getsockname())
            await asyncio.sleep(0.05)
            url = f"http://127.0.0.1:{deaf.getsockname()[1]}"
            there = connection.Connection(Address("test", url, ""), Clocks(connect=0.2))
            with pytest.raises(Failed, match="ConnectionTimeoutError") as caught:
                await there.post("/x", {})
            assert caught.value.lost
            await there.close()

    play(script())


# F18: slow but well


@pytest.mark.parametrize("at", PLACES)
def test_a_server_that_works_for_others_is_slow_and_not_dead(at: At) -> None:
    """Three times as long as its clock without a token, while the server moves."""

    async def script() -> None:
        async with stand() as here:
            healthy = await here.draw(asking())
            here.arm(once(Fault("slow", at, seconds=0.7)))
            assert await here.draw(asking()) == healthy
            assert len(here.calls) == 1 and here.engine.counters.repeated == 0

    play(script())


def test_a_prompt_read_for_longer_than_patience_is_no_server_that_stands_still() -> None:
    async def script() -> None:
        async with stand(clocks=replace(CLOCKS, patience=0.2, first_token=0.1)) as here:
            here.arm(once(Fault("slow", "first", seconds=0.8)))
            assert (await here.draw(asking())).text and len(here.calls) == 1

    play(script())


PATIENT = replace(CLOCKS, patience=30.0, first_token=10.0, between_tokens=10.0, deadline=60.0)
"""For what fails by numbers and not by time."""


class Narrow(FaultServer):
    """It takes so many calls at a time and refuses more, as servers do whose queue is full."""

    room = 12
    came = under_way = refused = 0

    async def _drawn(self, request: web.Request, body: Any) -> web.StreamResponse:
        self.came += 1
        if self.armed and self.under_way >= self.room:
            self._fault("draw", body)
            self.refused += 1
            return web.json_response({"error": {"message": "the queue is full"}}, status=429)
        self.under_way += 1
        try:
            await self._all_are_here()
            return await super()._drawn(request, body)
        finally:
            self.under_way -= 1

    async def _all_are_here(self) -> None:
        """Nobody came for a hundred turns of the loop, on which the clients run too: so on a busy machine as on an idle one."""
        turns, came = 0, self.came
        while turns < 100:
            await asyncio.sleep(0)
            turns, came = (turns + 1, came) if came == self.came else (0, self.came)


async def _crowd(here: Stand, count: int) -> list[BaseException]:
    """What fails of so many draws at the same time."""
    asked = (here.draw(asking(seed=at, question=f"{at}?")) for at in range(count))
    found = await asyncio.gather(*asked, return_exceptions=True)
    return [one for one in found if isinstance(one, BaseException)]


def test_a_server_has_as_many_calls_at_a_time_as_it_takes() -> None:
    async def script() -> None:
        narrow = Narrow(rows=False)
        async with stand(servers=[narrow], clocks=PATIENT) as here:
            here.arm()
            assert await _crowd(here, 300) == []
            assert 0 < narrow.refused == here.engine.counters.repeated
            assert here.extra(needed=300) == narrow.refused
            assert narrow.room / 2 <= here.engine._replicas.all[0].room.limit <= narrow.room * 1.5
            narrow.room, before = 40, narrow.refused
            assert await _crowd(here, 300) == []
            assert here.engine._replicas.all[0].room.limit >= 30 and narrow.refused - before <= 30

    play(script())


def test_calls_that_all_come_at_once_would_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adaptive_limit, "BEGIN", 300)
    monkeypatch.setattr(adaptive_limit.AdaptiveLimit, "refused", lambda self: False)

    async def script() -> None:
        async with stand(servers=[Narrow(rows=False)], clocks=PATIENT) as here:
            here.arm()
            assert await _crowd(here, 300), "a tenth of them may be asked again, and more are refused"

    play(script())


# F19: who gives up says so


@pytest.mark.parametrize("what", ["hang", "slow"])
def test_a_server_is_told_that_nobody_waits_any_more(what: str) -> None:
    async def script() -> None:
        async with stand() as here:
            healthy = await here.draw(asking())
            assert here.engine.counters.orphaned == 0
            here.arm(once(Fault(what, "middle", seconds=5.0)))
            asked = asyncio.ensure_future(here.draw(asking()))
            (server,) = here.servers
            async with asyncio.timeout(30):
                while not server.bodies:
                    await asyncio.sleep(0)
                for _ in range(100):  # turns of the loop that both share: half of the answer comes
                    await asyncio.sleep(0)
                asked.cancel()
                await asyncio.wait([asked])
                while not server.dropped:
                    await asyncio.sleep(0.01)
            assert server.dropped == 1 and here.engine._replicas.all[0].load == 0
            assert here.engine.counters.orphaned == healthy.tokens // 2, "what had come is counted"

    play(script())


# F20: as late as the server says, and never more than a tenth


def test_retry_after_is_obeyed() -> None:
    async def script() -> None:
        async with stand() as here:
            here.arm(once(Fault("status", status=429, after="0.3")))
            await here.draw(asking())
            first, second = here.servers[0].times
            assert second - first >= 0.3

    play(script())


def test_a_server_that_names_a_long_time_is_left_and_the_call_fails() -> None:
    async def script() -> None:
        async with stand() as here:
            here.arm(always(Fault("status", status=503, after="3600")))
            for _ in range(3):
                with pytest.raises(Failed, match="503"):
                    await here.draw(asking())
            assert len(here.calls) == 1

    play(script())


def test_at_most_a_tenth_of_all_calls_is_repeated() -> None:
    """Three teachers of two replicas each; one call in four fails, in every way. What cannot be repeated fails."""
    whats = list(FAULTS.values())

    def sometimes(kind: str, number: int, body: Any) -> Fault | None:
        return whats[number // 4 % len(whats)] if number % 4 == 1 else None

    async def script(seed: int) -> None:
        async with stand(2) as here:
            here.arm(sometimes, sometimes)
            asked = [asking(seed=seed * 1_000 + at, question=f"{at}?") for at in range(150)]
            found = []
            for begin in range(0, 150, 10):
                answers = (here.draw(one) for one in asked[begin : begin + 10])
                found += await asyncio.gather(*answers, return_exceptions=True)
            assert {type(one) for one in found} <= {Generation, Failed}
            bodies = Counter(repr(body) for kind, body in here.calls if kind == "draw")
            again = sum(count - 1 for count in bodies.values())
            assert 5 <= again == here.engine.counters.repeated
            assert again <= 0.1 * (here.before + len(here.calls))

    async def teachers() -> None:
        await asyncio.gather(*map(script, (1, 2, 3)))

    play(teachers())


def test_a_storm_reaches_a_server_that_is_overloaded_only_now_and_then() -> None:
    """200 calls that wait for it: the breaker lets a few through, whatever the budget says."""

    async def script() -> None:
        async with stand() as here:
            here.arm(lambda kind, number, body: Fault("status", status=503))
            for _ in range(10):
                await asyncio.gather(*(here.draw(asking(seed=at)) for at in range(20)), return_exceptions=True)
            assert len(here.calls) <= 20 + 4 * 10, "the first 20 were under way together; then trials of one call"

    play(script())


# the breaker


def test_a_dead_replica_is_tried_by_single_calls_and_taken_back_when_it_lives() -> None:
    async def script() -> None:
        async with stand(2) as here:
            dead = here.servers[0]
            here.arm(lambda kind, number, body: Fault("status", status=500))
            found = await asyncio.gather(*(here.draw(asking(seed=at, question=f"{at}")) for at in range(8)))
            assert all(one.text for one in found)
            failures = len(dead.bodies)
            assert here.engine._replicas.all[0].breaker._opened and failures <= 8
            dead.faults = lambda kind, number, body: None
            await asyncio.sleep(0.3)
            more = [await here.draw(asking(seed=at, question=f"again {at}")) for at in range(8)]
            assert all(one.text for one in more) and len(dead.bodies) > failures
            assert here.engine._replicas.all[0].breaker.state == "closed"

    play(script())


# F12: another model under the same name


@pytest.mark.parametrize("change", [{"weights": "b"}, {"name": "other"}])
@pytest.mark.parametrize("rows", [True, False])
@pytest.mark.parametrize("tells_start", [True, False])
def test_a_server_that_comes_back_as_another_is_paused(
    change: dict[str, str], rows: bool, tells_start: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async def script() -> None:
        async with stand(servers=[FaultServer(rows=rows, tells_start=tells_start)]) as here:
            healthy = await here.draw(asking())
            (server,) = here.servers
            await redeployed(server, **change)
            here.arm()
            for _ in range(3):
                with pytest.raises(OtherModel) as caught:
                    await here.draw(asking())
                assert caught.value.code == "E611"
            assert not [kind for kind, body in here.calls if kind == "draw"], "nothing is asked of it but who it is"
            assert caplog.text.count("E611") == 1
            await redeployed(server, weights="a", name="m")
            await asyncio.sleep(0.3)
            assert await here.draw(asking()) == healthy, "it is what it was"

    play(script())


def test_other_replicas_go_on_when_one_is_another_model() -> None:
    async def script() -> None:
        async with stand(2) as here:
            requests = [asking(seed=at, question=f"{at}") for at in range(6)]
            healthy = [await here.draw(one) for one in requests]
            await redeployed(here.servers[0], weights="b")
            here.arm()
            assert [await here.draw(one) for one in requests] == healthy

    play(script())


def test_replicas_of_other_weights_are_refused() -> None:
    async def script() -> None:
        with pytest.raises(Unavailable, match="the replicas of a model differ in their weights"):
            async with stand(servers=[FaultServer(rows=False), FaultServer("b", rows=False)]):
                pass

    play(script())


@pytest.mark.parametrize("weights", ["a", "b"])
def test_a_run_that_goes_on_later_does_not_go_on_with_another_model(weights: str, tmp_path: Path) -> None:
    async def process(weights: str, journal: Journal, seed: int) -> Generation:
        async with stand(servers=[FaultServer(weights, rows=False)], before=0) as here:
            gateway = ModelGateway(lambda: here.engine, "m", Committer(journal))
            return (await gateway.generate(asking(seed=seed), "teacher"))[0]

    async def script() -> None:
        with Journal(tmp_path / "run.db") as journal:
            first = await process("a", journal, 1)
            rows = len(journal)
            if weights == "a":
                assert await process("a", journal, 2) != first and len(journal) == rows + 1
            else:
                with pytest.raises(Unavailable, match="other weights than before") as caught:
                    await process("b", journal, 2)
                assert caught.value.code == "E611" and len(journal) == rows, "nothing of it is kept"
            assert await process(weights, journal, 1) == first, "what is known is not asked"

    play(script())


def test_the_same_model_on_a_restarted_server_goes_on() -> None:
    async def script() -> None:
        async with stand() as here:
            healthy = await here.draw(asking())
            await redeployed(here.servers[0])
            here.arm()
            assert await here.draw(asking()) == healthy and here.extra() <= 1

    play(script())


async def redeployed(server: FaultServer, **change: str) -> None:
    """The process is ended with all its connections, and another takes its port."""
    await server.stop()
    for name, value in change.items():
        setattr(server, name, value)
    await server.start()


# F22, F25: numbers

VALUES: dict[str, Fault] = {
    "NaN": Fault("value", value=float("nan")),
    "infinite": Fault("value", value=float("inf")),
    "minus infinite": Fault("value", value=float("-inf")),
    "null": Fault("value", value=None),
    "clamped": Fault("value", value=-9_999.0),
    "positive": Fault("value", value=0.5),
    "a word": Fault("value", value="NaN"),
    "fewer": Fault("fewer"),
    "more": Fault("more"),
    "unwritable": Fault("unwritable"),
}
NUMBERS = [(name, at) for name in VALUES for at in PLACES if name not in ("more", "unwritable") or at == "middle"]


@pytest.mark.parametrize(("name", "at"), NUMBERS)
def test_a_log_probability_that_is_none_is_asked_of_one_other_replica(name: str, at: At) -> None:
    async def script() -> None:
        async with stand(2) as here:
            healthy = await here.score(scoring())
            here.arm(*[lambda kind, number, body: replace(VALUES[name], at=at) if not number else None] * 2)
            home = here.engine._replicas.all.index(here.engine._replicas.home("How many cups?"))
            here.servers[1 - home].faults = lambda kind, number, body: None
            assert await here.score(scoring()) == healthy
            assert [len(one.bodies) for one in here.servers] == [1, 1]

    play(script())


@pytest.mark.parametrize(("name", "at"), NUMBERS)
def test_where_no_replica_gives_a_number_the_score_fails(name: str, at: At, caplog: pytest.LogCaptureFixture) -> None:
    """No mean over what is left, and no number in its place."""

    async def script() -> None:
        for count in (1, 2):
            async with stand(count) as here:
                here.arm(*[always(replace(VALUES[name], at=at), "score")] * count)
                found = await here.score(scoring())
                assert found.values == () and len(here.calls) == count
                assert here.engine.counters.failed_scores == 1
        assert ("E622" if name in ("fewer", "more") else "E620") in caplog.text

    play(script())


def test_rows_of_a_prompt_are_counted() -> None:
    async def script() -> None:
        async with stand(rows=True) as here:
            assert here.engine.traits is not None and here.engine.traits.scoring == "prompt rows"
            here.arm(always(Fault("fewer"), "score"))
            assert (await here.score(scoring())).values == ()

    play(script())


def test_a_run_stops_when_more_than_one_in_two_hundred_scores_fail() -> None:
    async def script() -> None:
        async with stand() as here:
            here.arm(lambda kind, number, body: VALUES["null"] if number % 10 == 9 else None)
            with pytest.raises(Unavailable, match="6 of the latest 60 scores failed") as caught:
                for at in range(100):
                    await here.score(scoring(step=f"Count {at}."))
            assert caught.value.code == "E623"

    play(script())


def test_one_in_two_hundred_scores_may_fail() -> None:
    async def script() -> None:
        async with stand() as here:
            here.arm(lambda kind, number, body: VALUES["null"] if number in (3, 40, 41, 42, 43) else None)
            for at in range(50):
                await here.score(scoring(step=f"Count {at}."))
            assert here.engine.counters.failed_scores == 5

    play(script())


# F23: a prompt that ends its server


def test_a_score_that_ends_servers_ends_two_at_most() -> None:
    async def script() -> None:
        async with stand(3) as here:
            here.arm(*[always(Fault("reset"), "score")] * 3)
            with pytest.raises(Failed):
                await here.score(scoring())
            scored = [len([kind for kind, body in one.bodies if kind == "score"]) for one in here.servers]
            assert sum(scored) == 2 and max(scored) == 1

    play(script())


# F24: a score that is another the next time


def test_scores_that_do_not_repeat_are_told_and_the_first_one_counts(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Drifting(FaultServer):
        asked = 0

        def _whole(self, body: Any, fault: Fault = WELL) -> Any:
            self.asked += 1
            return super()._whole(body, fault)

        def logprob(self, before: Any, token: int) -> float:
            return super().logprob(before, token) - 0.07 * (self.asked % 3)

    async def script() -> None:
        async with stand(servers=[Drifting(rows=False)], dtype="bfloat16") as here:
            assert (await here.score(scoring())).values != (await here.score(scoring())).values
            with Journal(tmp_path / "run.db") as journal:
                for _ in range(2):
                    gateway = ModelGateway(lambda: here.engine, "m", Committer(journal))
                    kept = [(await gateway.score(scoring()))[0].values for _ in range(2)]
                    assert kept[0] == kept[1]

    play(script())
    assert "W621" in caplog.text


# F26, F34: answers that end before their end


def test_an_answer_that_the_limit_ended_is_kept_and_flagged() -> None:
    async def script() -> None:
        async with stand() as here:
            here.arm(once(Fault("length")))
            found = await here.draw(asking(stop=("never written",)))
            assert found.finish == "length" and found.text and len(here.calls) == 1

    play(script())


@pytest.mark.parametrize("at", PLACES)
def test_an_answer_that_a_deadline_ended_is_lost_and_not_asked_again(at: At) -> None:
    """A long text would take as long again. Nothing of it is used: the others would be the short ones."""

    async def script() -> None:
        async with stand(2, clocks=replace(CLOCKS, deadline=0.3)) as here:
            here.arm(*[always(Fault("slow", at, seconds=1.0))] * 2)
            found = await here.draw(asking())
            assert (found.text, found.tokens, found.finish) == ("", 0, "deadline")
            assert len(here.calls) == 1 and here.engine.counters.censored == 1

    play(script())


def test_a_score_that_a_deadline_ended_fails(caplog: pytest.LogCaptureFixture) -> None:
    async def script() -> None:
        async with stand(clocks=replace(CLOCKS, deadline=0.2)) as here:
            here.arm(once(Fault("lag", seconds=1.0), "score"))
            assert (await here.score(scoring())).values == () and "E624" in caplog.text

    play(script())


# a pool of three teachers over the driver


def pool_run(
    stands: list[Stand], absence: Literal["wait", "degrade", "fail"], journal: Journal, patience: float = 5.0,
    on_wave: Any = lambda record, wave: None, steps: int = 3,
) -> Coroutine[Any, Any, SearchRecord]:  # fmt: skip
    committer = Committer(journal)

    def teacher(at: int, one: Engine) -> Teacher:
        gateway = ModelGateway(lambda: one, f"t{at}", committer)
        return Teacher(f"t{at}", gateway.view(f"t{at}", "teacher", Ledger()), Sampling(0.7))

    teachers = tuple(teacher(at, one.engine) for at, one in enumerate(stands))
    budget = Budget(thinking=200, answer=16, steps=steps)
    pool = Pool(teachers, StepHeader(StepHeaderOptions(max_step=32)), budget, 1, Attendance(absence, patience, journal))
    driver = Driver(pool, ByLength(), BLOCK, Beam(BeamOptions(size=2)), on_wave)  # type: ignore[arg-type]
    return driver.decode(PROBLEM)


TEXTS = {
    "": "nothing",
    "  \n \t": "nothing",
    "half \ud800 a pair": "unreadable characters",
    "a NUL \x00 inside": "unreadable characters",
    "no header at all": "",
    " one\n### Step 2. two\n### Step 3. three": "several steps",
}


@pytest.mark.parametrize(
    "text", TEXTS, ids=["empty", "white space", "surrogate", "NUL", "no header", "several headers"]
)
def test_what_is_no_step_is_an_outcome_and_the_others_go_on(text: str, tmp_path: Path) -> None:
    """F27: it is asked once, whatever it says."""

    async def script() -> None:
        async with stand(before=0) as one, stand(before=0) as two, stand(before=0) as three:
            for here in (one, two, three):
                here.arm()
            two.servers[0].says = lambda body: text if body.get("stop") else None
            waves: list[WaveRecord] = []
            with Journal(tmp_path / "run.db") as journal:
                record = await pool_run([one, two, three], "fail", journal, on_wave=lambda _, wave: waves.append(wave))
            assert record.trajectory is not None and record.answer is not None
            said = [a.proposal for wave in waves for a in wave.answered if a.proposal and a.proposal.teacher == "t1"]
            assert len(said) == len([body for kind, body in two.calls if body.get("stop")])
            wanted = TEXTS[text]
            for proposal in said:
                assert proposal.valid == (wanted in ("", "several steps"))
                assert wanted in ("", "nothing") or wanted in proposal.violations

    play(script())


def test_a_problem_for_which_nobody_writes_a_step_is_over_and_the_run_is_not(tmp_path: Path) -> None:
    async def script() -> None:
        async with stand(before=0) as here:
            here.arm()
            here.servers[0].says = lambda body: "\ud800"
            with Journal(tmp_path / "run.db") as journal:
                record = await pool_run([here], "fail", journal)
            assert record.trajectory is None and record.answer is None and len(here.calls) == 1

    play(script())


@pytest.mark.parametrize("policy", ["wait", "degrade", "fail"])
@pytest.mark.parametrize("at", PLACES)
def test_a_teacher_that_is_gone_is_waited_for_or_left_out_or_ends_the_run(
    policy: Literal["wait", "degrade", "fail"], at: At, tmp_path: Path
) -> None:
    """F30: its server dies at a token of its second answer and stays away, for a while or for good."""

    async def script() -> None:
        async with stand() as one, stand() as two, stand() as three:
            (gone,) = three.servers
            for here in (one, two, three):
                here.arm()
            with Journal(tmp_path / "well.db") as journal:
                well = await pool_run([one, two, three], "fail", journal)
            for here in (one, two, three):
                here.arm()
            gone._numbers["draw"] = 0
            dead = asyncio.Event()

            def dies(kind: str, number: int, body: Any) -> Fault | None:
                if number < 1 or dead.is_set():
                    return None
                asyncio.get_running_loop().call_later(0.01, dead.set)
                return Fault("die", at)

            gone.faults = dies

            async def away() -> None:
                await dead.wait()
                await gone.stop()
                if policy == "wait":
                    await asyncio.sleep(0.3)
                    await gone.start()

            leaving = asyncio.ensure_future(away())
            with Journal(tmp_path / "run.db") as journal:
                if policy == "fail":
                    with pytest.raises(Failed):
                        await pool_run([one, two, three], policy, journal)
                else:
                    record = await pool_run([one, two, three], policy, journal)
                    absent = [event for event in record.events if isinstance(event, Absent)]
                    if policy == "wait":
                        assert record.trajectory == well.trajectory and not absent, "as if nothing had happened"
                        assert record.answer == well.answer
                    else:
                        assert absent and {event.teacher for event in absent} == {"t2"}
                        assert record.trajectory is not None
            await asyncio.wait_for(leaving, 5)

    play(script())


def test_lost_answers_are_counted_by_teacher_and_too_many_end_the_run(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def script() -> None:
        quick = replace(CLOCKS, deadline=0.15)
        async with stand() as one, stand() as two, stand(clocks=quick) as three:
            three.arm(once(Fault("slow", seconds=1.0)))
            censoring = Censoring(0.9, None)
            waves: list[WaveRecord] = []

            def on_wave(record: SearchRecord, wave: WaveRecord) -> None:
                waves.append(wave)
                censoring.note_wave(wave)

            with Journal(tmp_path / "run.db") as journal:
                record = await pool_run([one, two, three], "fail", journal, on_wave=on_wave)
                asked = len(three.calls)
                again = await pool_run([one, two, three], "fail", journal)
            assert record.events == again.events and len(three.calls) == asked, "a lost answer is journaled as one"
            censoring.note_answer(record)
            censoring.finish()
            counts = censoring.as_dict()
            assert [counts[name]["censored"] for name in ("t0", "t1", "t2")] == [0, 0, 1]
            assert "W612" in caplog.text
            strict = Censoring(0.05, None)
            for wave in waves:
                strict.note_wave(wave)
            with pytest.raises(StageError, match=r"1 of \d+ answers of `t2` were ended by a deadline") as caught:
                strict.finish()
            assert caught.value.diagnostics[0].code == "E613"

    play(script())


# what the scripts are worth: each of these bugs is caught by one of them


def caught(test: Any, *arguments: Any) -> None:
    """The script fails over the bug."""
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        test(*arguments)


@pytest.mark.parametrize("what", ["close", "done", "die"])
def test_bug_a_torn_stream_is_salvaged(monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    original = connection.Connection.stream

    async def salvaging(self: Any, path: str, body: Any) -> Any:
        last: Any = None
        try:
            async for event in original(self, path, body):
                last = event if event.get("choices") else last
                yield event
        except Failed:
            if last is None:
                raise
        if last is not None and last["choices"][0]["finish_reason"] is None:
            end = {"index": 0, "text": "", "token_ids": [], "finish_reason": "stop", "stop_reason": None}
            yield {"choices": [end]}

    monkeypatch.setattr(connection.Connection, "stream", salvaging)
    caught(test_a_draw_that_failed_is_made_again_and_nothing_of_it_is_used, f"{what} at the middle token")


def test_bug_an_abort_is_taken_for_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    original = completion_stream.completion

    async def trusting(*arguments: Any) -> Any:
        choice, usage = await original(*arguments)
        return choice | {"finish_reason": "stop"}, usage

    monkeypatch.setattr("cordspec_vllm.http_backend.completion", trusting)
    caught(test_a_draw_that_failed_is_made_again_and_nothing_of_it_is_used, "abort at the last token")


@pytest.mark.parametrize("name", ["NaN", "null", "clamped", "minus infinite"])
def test_bug_what_is_no_number_becomes_one(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    def coerced(value: Any) -> float:
        found = reading.log_probability(value)
        return -100.0 if found is None else found

    monkeypatch.setattr("cordspec_vllm.http_backend.log_probability", coerced)
    monkeypatch.setattr(connection, "_no_constant", float)
    caught(test_where_no_replica_gives_a_number_the_score_fails, name, "middle", caplog)


def test_bug_a_mean_is_taken_over_the_numbers_that_came(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def shortened(route: Any, backend: Any, span: Any) -> Valued:
        found = await route(backend, span, True)
        return replace(found, values=tuple(value for value in found.values if value is not None))

    monkeypatch.setattr(engine, "complete_values", shortened)
    caught(test_where_no_replica_gives_a_number_the_score_fails, "null", "middle", caplog)


def test_bug_missing_rows_are_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cordspec_vllm.http_backend.HttpBackend._missing", lambda self, count, due: Ignored())

    class Ignored(Exception):
        pass

    with pytest.raises(Ignored):
        test_rows_of_a_prompt_are_counted()


def test_bug_retry_after_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "retry_after", lambda value: None)
    caught(test_retry_after_is_obeyed)


@pytest.mark.parametrize("text", ["", "half \ud800 a pair"], ids=["empty", "surrogate"])
def test_bug_what_a_model_wrote_is_asked_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str) -> None:
    original = engine.ServedEngine._generation

    async def picky(self: Any, request: Any) -> Generation:
        found = await original(self, request)
        return found if found.text.strip() and found.readable else await original(self, request)

    monkeypatch.setattr(engine.ServedEngine, "_generation", picky)
    caught(test_what_is_no_step_is_an_outcome_and_the_others_go_on, text, tmp_path)


def test_bug_a_deadline_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    original = asks.Asking._once

    async def again(self: Any, *arguments: Any, **more: Any) -> Any:
        try:
            return await original(self, *arguments, **more)
        except DeadlinePassed as error:
            raise Failed(str(error)) from None

    monkeypatch.setattr(asks.Asking, "_once", again)
    with pytest.raises((AssertionError, Failed)):
        test_an_answer_that_a_deadline_ended_is_lost_and_not_asked_again("middle")


def test_bug_there_is_no_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cordspec_api.retrying.SHARE", 1.0)
    caught(test_at_most_a_tenth_of_all_calls_is_repeated)


def test_bug_there_is_no_breaker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(breaker.Breaker, "open", lambda self: None)
    caught(test_a_storm_reaches_a_server_that_is_overloaded_only_now_and_then)


@pytest.mark.parametrize("at", PLACES)
def test_bug_a_slow_server_is_taken_for_a_dead_one(monkeypatch: pytest.MonkeyPatch, at: At) -> None:
    async def never(self: Grace) -> bool:
        return False

    monkeypatch.setattr(Grace, "given", never)
    caught(test_a_server_that_works_for_others_is_slow_and_not_dead, at)


@pytest.mark.parametrize("change", [{"weights": "b"}, {"name": "other"}])
def test_bug_another_models_answers_are_mixed_in(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, change: dict[str, str]
) -> None:
    async def trusting(self: Identity, backend: Any, name: str) -> None:
        return None

    monkeypatch.setattr(Identity, "hold", trusting)
    with pytest.raises((AssertionError, pytest.fail.Exception, Unavailable)):
        test_a_server_that_comes_back_as_another_is_paused(change, True, True, caplog)


def test_bug_only_the_name_of_a_model_is_looked_at(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def alike(self: Identity, backend: Any, served: Any) -> Any:
        return replace(self.known, served=served)

    monkeypatch.setattr(Identity, "_now", alike)
    caught(test_a_server_that_comes_back_as_another_is_paused, {"weights": "b"}, True, True, caplog)
