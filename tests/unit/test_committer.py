"""The thread that writes a journal: what others see meanwhile, and what goes into one transaction."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import closing, nullcontext
from pathlib import Path

import pytest

from cordspec import faultpoints
from cordspec.journal import Committer, Journal, Row

ENOUGH = 20.0
"""Seconds after which something is taken never to happen."""


def row(number: int) -> Row:
    return bytes([number]) * 32, "m", {"text": str(number)}, 0.5


class Held:
    """Holds the thread that is about to commit until it is let go."""

    def __init__(self) -> None:
        self.there, self.go = threading.Event(), threading.Event()
        self.commits = 0

    def __call__(self, point: str) -> None:
        if point == "journal.before_commit":
            self.commits += 1
            self.there.set()
            assert self.go.wait(ENOUGH)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal(tmp_path / "run.db") as journal:
        yield journal


@pytest.fixture
def held(journal: Journal) -> Iterator[Held]:
    held = Held()
    faultpoints.arm(held)
    yield held
    held.go.set()
    faultpoints.arm(None)


def seen_before_the_commit(journal: Journal, held: Held) -> bool:
    """Whether another thread may read a row whose transaction is open."""
    found: list[bool] = []
    reader = threading.Thread(target=lambda: found.append(bool(journal.get([row(1)[0]]))))

    async def write() -> None:
        with closing(Committer(journal)) as committer:
            putting = asyncio.create_task(committer.put(row(1)))
            await asyncio.to_thread(held.there.wait, ENOUGH)
            reader.start()
            reader.join(2.0)
            early = list(found)
            held.go.set()
            await putting
            reader.join(ENOUGH)
            found[:] = early or [False]

    asyncio.run(write())
    assert journal.get([row(1)[0]])
    return found[0]


def test_nobody_reads_what_is_not_committed(journal: Journal, held: Held) -> None:
    assert not seen_before_the_commit(journal, held)


def test_without_the_lock_it_would_be_read(journal: Journal, held: Held) -> None:
    journal._lock = nullcontext()  # type: ignore[assignment]
    assert seen_before_the_commit(journal, held)


def test_the_loop_goes_on_and_what_comes_meanwhile_is_one_transaction(journal: Journal, held: Held) -> None:
    async def write() -> None:
        with closing(Committer(journal)) as committer:
            first = asyncio.create_task(committer.put(row(1)))
            await asyncio.to_thread(held.there.wait, ENOUGH)
            rest = [asyncio.create_task(committer.put(row(number))) for number in range(2, 9)]
            for _ in range(100):
                await asyncio.sleep(0)
            assert not first.done() and not any(one.done() for one in rest)
            held.go.set()
            await asyncio.gather(first, *rest)

    asyncio.run(write())
    assert held.commits == 2
    assert len(journal.get([row(number)[0] for number in range(1, 9)])) == 8


def test_a_flush_waits_for_what_is_being_written(journal: Journal, held: Held) -> None:
    async def write() -> list[int]:
        with closing(Committer(journal)) as committer:
            putting = asyncio.create_task(committer.put(row(1)))
            await asyncio.to_thread(held.there.wait, ENOUGH)
            committer.note(row(2))
            threading.Timer(0.1, held.go.set).start()
            committer.flush()
            there = [number for number in (1, 2) if journal.get([row(number)[0]])]
            await putting
        return there

    assert asyncio.run(write()) == [1, 2]


def test_what_was_noted_is_kept_by_closing(journal: Journal) -> None:
    with closing(Committer(journal)) as committer:
        committer.note(row(1))
        assert not journal.get([row(1)[0]])
    assert journal.get([row(1)[0]])
