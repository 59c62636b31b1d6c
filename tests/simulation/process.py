"""One process of a simulated world: the real executor, in virtual time, until it ends in whatever way."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from importlib import metadata
from itertools import count
from pathlib import Path
from typing import Any, Literal
from unittest.mock import patch

from cordspec.errors import CordspecError
from cordspec.faultpoints import arm
from cordspec.journal import Journal, answer_key
from cordspec.run import events
from cordspec.run.admission import Admission, Seat
from cordspec.run.executor import Limits, execute
from cordspec.run.gateway import ModelGateway
from cordspec.run.simulating.clock import Deadlock, VirtualLoop
from cordspec.run.stages import decode
from tests.simulation import components
from tests.simulation.record import WEEK, Record, as_json
from tests.simulation.world import World

How = Literal["finished", "failed", "stopped", "crashed", "stuck"]
SETTLING = 10
"""Turns of the loop in which tasks that were given up may end after a run."""
TURNS = 400_000
"""Turns of the loop after which a process counts as going round in circles."""
DRAINING = 20.0
"""Seconds within which a stop ends a run."""


@dataclass(slots=True)
class Ending:
    """How a process ended: the code of its diagnostic where it failed, and the problems that it said were done."""

    how: How
    code: str = ""
    done: int = 0
    total: int = 0


class Stuck(SystemExit):
    """Nothing will come of it."""


class NumberedTask(asyncio.Task):  # type: ignore[type-arg]
    """A task whose hash is its number: sets of tasks are walked in the same order in every process."""

    _numbers = count()

    def __init__(self, *arguments: Any, **named: Any) -> None:
        self._number = next(self._numbers)
        super().__init__(*arguments, **named)

    def __hash__(self) -> int:
        return self._number


class SimulatedLoop(VirtualLoop):
    """Virtual time that goes on from where the last process ended, for a week at most."""

    def __init__(self, record: Record) -> None:
        self._record = record
        self._begin = record.now
        self._turns = 0
        self.dead = False
        """Whether its process was killed."""
        super().__init__()
        NumberedTask._numbers = count()
        self.set_task_factory(lambda loop, work, **named: NumberedTask(work, loop=loop, **named))
        self.set_exception_handler(self._unhandled)

    def time(self) -> float:
        self._turns += 1
        now = self._record.now = self._begin + super().time()
        if (now > WEEK or self._turns > TURNS) and self._record.alive:
            self._record.violate("a week has passed" if now > WEEK else "the run goes round in circles")
            self._record.alive = False
            raise Stuck
        return now

    def _unhandled(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if not self.dead:
            self._record.violate(f"{context['message']}: {context.get('exception')!r}")


@dataclass(slots=True)
class _Listener:
    """The last that the run said of its decode."""

    last: list[tuple[int, int]] = field(default_factory=lambda: [(0, 0)])

    def on_event(self, event: events.Event) -> None:
        if isinstance(event, events.StageProgress):
            self.last[0] = (event.done, event.total)


def live(world: World, directory: Path) -> Ending:
    """Run the world's experiment in a directory, until the process ends."""
    record = world.record
    record.alive, record.crashed, world.stopped_at = True, False, None
    world.failed_disk = ""
    world.seats.clear()
    loop = SimulatedLoop(record)
    listener, ending = _Listener(), Ending("finished")
    try:
        world.main = loop.create_task(_main(world, directory, listener, ending))
        loop.run_until_complete(world.main)
    except BaseException as error:
        if not record.crashed:
            _stuck(record, error)
            ending.how = "stuck"
    if record.crashed:
        ending.how = "crashed"  # whatever its tasks made of that
    record.alive = False
    loop.dead = record.crashed = ending.how in ("crashed", "stuck")
    _bury(loop)
    record.crashed = False  # what is found from now on counts
    ending.done, ending.total = listener.last[0]
    record.note("end", ending.how, ending.code)
    return ending


def _stuck(record: Record, error: BaseException) -> None:
    match error:
        case Stuck():
            return  # and said so
        case Deadlock():
            record.violate(f"a deadlock: {error}")
        case _:
            raise error


async def _main(world: World, directory: Path, listener: _Listener, ending: Ending) -> None:
    record = world.record
    try:
        await execute([world.drawn.variant], components.registry(), directory, listener, Limits())
    except BaseException as error:
        if record.crashed:
            raise  # nobody hears what a corpse says
        _judge(world, ending, error)
    else:
        if world.stopped_at is not None:
            record.violate("the run was stopped, and went on to its end")
    record.alive = False
    for _ in range(SETTLING):
        await asyncio.sleep(0)
    if any(seat in admission._seats for admission, seat in world.seats):
        record.violate("a seat is taken after the run's end")
    for task in sorted(asyncio.all_tasks() - {asyncio.current_task()}, key=hash):
        record.violate(f"a task is left pending: {task.get_coro()}")


def _judge(world: World, ending: Ending, error: BaseException) -> None:
    """How a run ended that did not come to its end, and whether it had a reason."""
    record = world.record
    match error:
        case asyncio.CancelledError():
            ending.how = "stopped"
            if world.stopped_at is None or record.now > world.stopped_at + DRAINING:
                record.violate("the run ends as if it was stopped")
        case CordspecError():
            ending.how, ending.code = "failed", error.diagnostics[0].code
            record.failed(ending.code)
        case Exception():
            ending.how = "failed"
            record.violate(f"the run ends with {type(error).__name__}, which is no diagnostic: {error}")
        case _:
            raise error


def _bury(loop: asyncio.AbstractEventLoop) -> None:
    """End what is left of a process: its tasks are cancelled, and nothing of what they do counts."""

    async def wait(tasks: set[asyncio.Task[Any]]) -> None:
        await asyncio.wait(tasks)

    for _ in range(100):
        tasks = asyncio.all_tasks(loop)
        if not tasks:
            break
        for task in tasks:
            task.cancel()
        try:
            loop.run_until_complete(wait(tasks))
        except (SystemExit, Deadlock, asyncio.CancelledError):
            continue
    loop.close()


@contextmanager
def watched(world: World) -> Iterator[None]:
    """See what goes into the journal, what is used, and what is decided; the clocks are the world's."""
    record = world.record
    put, assemble, admit = Journal.put, decode.assemble, Admission.each

    def watched_put(journal: Journal, answers: Any) -> None:
        rows = list(answers)
        said = {key: as_json(answer) for key, _, answer, _ in rows}
        record.putting(said)
        try:
            put(journal, rows)
        except BaseException:
            record.not_put()
            raise
        record.committed()

    def watched_assemble(shop: Any, block: str, ledger: Any, on_wave: Any) -> Any:
        def watched_wave(search: Any, wave: Any) -> None:
            record.decided(search.problem.id, wave.number, _digest(wave))
            on_wave(search, wave)

        return assemble(shop, block, ledger, watched_wave)

    async def watched_admission(admission: Admission, items: Any, work: Any) -> None:
        async def watched_work(place: int, item: Any, seat: Seat) -> None:
            world.seats.append((admission, seat))
            await work(place, item, seat)

        await admit(admission, items, watched_work)

    with (
        patch.object(Admission, "each", watched_admission),
        patch.object(Journal, "put", watched_put),
        patch.object(decode, "assemble", watched_assemble),
        patch.object(ModelGateway, "generate", _seen(record, ModelGateway.generate)),
        patch.object(ModelGateway, "score", _seen(record, ModelGateway.score)),
        patch.object(time, "monotonic", lambda: record.now),
        patch.object(time, "time", world.wall_clock),
        patch.object(metadata, "version", lambda name: "0"),  # versions are read from files, and slowly
    ):
        components.enter(world)
        arm(world.at_point)
        try:
            yield
        finally:
            arm(None)
            components.enter(None)


def _seen(record: Record, method: Any) -> Any:
    """A method of a gateway, with a look at what it hands out."""

    async def seen(gateway: ModelGateway, request: Any, *more: Any) -> Any:
        answer = await method(gateway, request, *more)
        said = {name: getattr(answer[0], name) for name in answer[0].__slots__}
        record.used(answer_key(gateway._fingerprint, request), as_json(said))
        return answer

    return seen


def _digest(wave: Any) -> str:
    """What a wave was told and what became of it."""
    told = [(one.expansion.number, one.proposal and one.proposal.steps) for one in wave.answered]
    scored = [(one.scored.expansions, one.scored.trajectory.key, one.scored.score) for one in wave.candidates]
    kept = [one.expansions for one in wave.decision.kept]
    return sha256(repr((told, scored, kept)).encode()).hexdigest()
