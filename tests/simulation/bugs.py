"""Bugs that a simulation has to find: small changes of the product, each under the name of what it gets wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from cordspec.artifacts.ordered import OrderedFile
from cordspec.errors import CordspecError
from cordspec.journal import Committer, Journal
from cordspec.run import waves
from cordspec.run.admission import Admission
from cordspec.run.ahead import Ahead
from cordspec.run.attendance import Attendance
from cordspec.run.sharing import Shared
from cordspec.run.waves import WaveWork


async def _acknowledged_first(committer: Committer, row: Any) -> None:
    asyncio.get_running_loop().call_later(0.001, committer.journal.put, [row])


async def _lost_on_failure(committer: Committer, row: Any) -> None:
    with suppress(OSError, CordspecError):
        committer.journal.put([row])


async def _uncancelled(work: Iterable[Coroutine[None, None, Any]]) -> list[Any]:
    tasks = [asyncio.ensure_future(one) for one in work]
    return [await task for task in tasks]


async def _failed_for_ever(shared: Shared[Any]) -> Any:
    """What failed is never over, so all who come later get the same failure."""
    shared._waiting += 1
    try:
        return await asyncio.shield(shared._task)
    finally:
        shared._waiting -= 1
        done = shared._task.done()
        failed = done and not shared._task.cancelled() and shared._task.exception() is not None
        shared.over = not failed and (done or not shared._waiting)
        if shared.over:
            shared._task.cancel()


async def _seat_kept_on_failure(admission: Admission, seat: Any, place: int, item: Any, work: Any) -> None:
    await work(place, item, seat)
    admission._seats.remove(seat)
    admission._ended, admission._needed = admission._ended + 1, admission._needed + seat.most
    admission.look()


async def _seat_kept(admission: Admission, seat: Any, place: int, item: Any, work: Any) -> None:
    await work(place, item, seat)
    admission.look()


_one = WaveWork._one


async def _by_arrival(wave: WaveWork, expansion: Any) -> None:
    await _one(wave, expansion)
    arrived = [answered.expansion for answered in wave._answered.values()]
    wave._expansions = [*arrived, *(one for one in wave._expansions if one not in arrived)]


_put = OrderedFile.put


def _parts_by_arrival(file: OrderedFile, place: int, text: str) -> None:
    _put(file, len(file._places), text)


async def _never_dropped(ahead: Ahead, but: Any = ()) -> None:
    """What was begun early is left to itself."""


_journal_put = Journal.put


def _kept_otherwise(journal: Journal, rows: Any) -> None:
    """Every tenth text is another one than was given."""
    _journal_put(journal, [(key, model, _other(key, answer), seconds) for key, model, answer, seconds in rows])


def _other(key: bytes, answer: dict[str, object]) -> dict[str, object]:
    return {**answer, "text": "?"} if key[0] < 25 and "text" in answer else answer


_held: list[Any] = []
_journal_get = Journal.get


def _written_later(journal: Journal, rows: Any) -> None:
    """Written with those that come next, of this process; a process that is killed loses what it holds."""
    found = list(rows)
    mine = [row for owner, row in _held if owner is journal]
    _held[:] = [(journal, row) for row in found]
    _journal_put(journal, mine)


def _known_already(journal: Journal, keys: Any) -> Any:
    held = {row[0]: (row[2], row[3]) for owner, row in _held if owner is journal and row[0] in keys}
    return {**held, **_journal_get(journal, keys)}


def _changed(thing: Any, name: str, change: Any) -> Callable[[], AbstractContextManager[Any]]:
    return lambda: patch.object(thing, name, change)


@contextmanager
def _late() -> Iterator[None]:
    with patch.object(Journal, "put", _written_later), patch.object(Journal, "get", _known_already):
        yield


@dataclass(frozen=True, slots=True)
class Bug:
    """A bug, and what a simulation says that finds it."""

    install: Callable[[], AbstractContextManager[Any]]
    told: str


BUGS = {
    "an answer is acknowledged before it is in the journal": Bug(
        _changed(Committer, "put", _acknowledged_first), "an answer is used that the journal does not have"
    ),
    "an answer that could not be put is lost without a word": Bug(
        _changed(Committer, "put", _lost_on_failure), "an answer is used that the journal does not have"
    ),
    "a wave goes on after its cancellation": Bug(_changed(waves, "gather", _uncancelled), "a task is left pending"),
    "an absence is forgotten": Bug(
        _changed(Attendance, "keep", lambda attendance, absences: None), "is decided otherwise than before"
    ),
    "a failed request is shared for ever": Bug(
        _changed(Shared, "wait", _failed_for_ever), "nothing happens now that is a reason for it"
    ),
    "a failed problem keeps its seat": Bug(
        _changed(Admission, "_seated", _seat_kept_on_failure), "a seat is taken after the run's end"
    ),
    "a problem keeps its seat": Bug(_changed(Admission, "_seated", _seat_kept), "a deadlock"),
    "more problems are let in than may be": Bug(
        _changed(Admission, "_fits", lambda admission: True), "problems are under way"
    ),
    "candidates stand as they arrive": Bug(
        _changed(WaveWork, "_one", _by_arrival), "is not that of a run without faults"
    ),
    "problems are written as they arrive": Bug(
        _changed(OrderedFile, "put", _parts_by_arrival), "is not in the order of the problems"
    ),
    "what was begun early is never given up": Bug(_changed(Ahead, "drop", _never_dropped), "a task is left pending"),
    "what is in the journal is not looked for": Bug(
        _changed(Journal, "get", lambda journal, keys: {}), "an engine is asked what is in the journal"
    ),
    "an answer is written with the next one": Bug(_late, "an acknowledged answer is gone"),
    "an answer is kept otherwise than it was given": Bug(
        _changed(Journal, "put", _kept_otherwise), "an acknowledged answer is"
    ),
}
