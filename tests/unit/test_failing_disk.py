"""A write that fails is told to everybody who waits for it, and is not tried again: nobody knows what is on the disk."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cordspec import faultpoints
from cordspec.errors import IncompleteError
from cordspec.journal import Committer, Journal


@pytest.fixture
def full_at() -> Iterator[Callable[[str], None]]:
    """The disk is full from the first passage of a fault point on."""

    def arm(point: str) -> None:
        def at(name: str) -> None:
            if name == point:
                raise OSError(errno.ENOSPC, "No space left on device")

        faultpoints.arm(at)

    yield arm
    faultpoints.arm(None)


def row(number: int) -> tuple[bytes, str, dict[str, object], float]:
    return bytes([number]) * 32, "m", {"text": str(number)}, 0.5


@pytest.mark.parametrize("point", ["journal.before_begin", "journal.before_commit"])
def test_nobody_is_told_that_an_answer_is_kept_which_is_not(
    tmp_path: Path, full_at: Callable[[str], None], point: str
) -> None:
    async def all_put(committer: Committer, *numbers: int) -> list[object]:
        return await asyncio.gather(*(committer.put(row(one)) for one in numbers), return_exceptions=True)

    journal = Journal(tmp_path / "run.db")
    committer = Committer(journal)
    assert asyncio.run(all_put(committer, 1)) == [None]
    full_at(point)
    told = asyncio.run(all_put(committer, 2, 3))
    assert [type(one) for one in told] == [IncompleteError] * 2 and "E702" in str(told[0])
    passed: list[str] = []
    faultpoints.arm(passed.append)
    assert [type(one) for one in asyncio.run(all_put(committer, 4))] == [IncompleteError]
    assert passed == [], "it was tried again"
    faultpoints.arm(None)
    journal.close()
    with Journal(tmp_path / "run.db") as journal:
        assert [number for number in range(1, 5) if row(number)[0] in journal.get([row(number)[0]])] == [1]
        journal.put([row(2)])
        assert journal.missing == 0


def test_a_commit_is_synced(tmp_path: Path) -> None:
    """What a power cut would lose, no kill of a process shows."""
    with Journal(tmp_path / "run.db") as journal:
        settings = {
            name: journal._connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("journal_mode", "synchronous", "locking_mode")
        }
    assert settings == {"journal_mode": "wal", "synchronous": 2, "locking_mode": "exclusive"}, "2 is FULL"
