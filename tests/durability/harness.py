"""Runs that are killed and go on: one server, one nursery, and what the oracles say of each run."""

from __future__ import annotations

import json
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Self

from cordspec import api
from cordspec.errors import CordspecError
from tests.durability import oracles
from tests.durability.nursery import ACKNOWLEDGED, DONE, Ended, Order
from tests.durability.specs import SEARCHES, write_spec

ROOT: Final = Path(__file__).parents[2]
SLOWEST: Final = 0.002
"""Seconds that the slowest answer takes: an order of arrival needs no more."""
MOST_KILLS: Final = 80
GROWTH: Final = 1.03
"""How much farther a process of a chain may get than the one before."""


@contextmanager
def in_memory() -> Iterator[Path]:
    """A directory whose files need no disk, where there is such a place: what dies here is a process, not the machine, and
    what a process has written stays when it is killed. Hundreds of runs need not wait for a disk.
    """
    there = Path("/dev/shm")
    usable = there.is_dir() and os.access(there, os.W_OK)
    with tempfile.TemporaryDirectory(prefix="cordspec-", dir=there if usable else None) as directory:
        yield Path(directory)


class Server:
    """The server's process. Its socket lies in a short path: such paths have at most 107 bytes."""

    def __init__(self, directory: Path) -> None:
        self.socket = directory / "s"
        self._process = _started("tests.durability.server", str(self.socket))
        assert self._process.stdout is not None and self._process.stdout.readline() == "ready\n"

    def asked(self, run: str) -> list[tuple[int, str]]:
        """Process and key of everything that a run asked."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(self.socket))
            connection.sendall(json.dumps({"method": "asked", "run": run}).encode() + b"\n")
            with connection.makefile("r") as reply:
                return [(attempt, key) for attempt, key in json.loads(reply.readline())]

    def close(self) -> None:
        self._process.terminate()
        self._process.communicate(timeout=20)


class Nursery:
    """The process whose children are the runs."""

    def __init__(self, **environment: str) -> None:
        self._process = _started("tests.durability.nursery", **environment)

    def run(self, order: Order) -> Ended:
        """One process of a run, from its beginning to its end."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(asdict(order)) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the nursery is gone; its errors are above"
        return Ended(**json.loads(line))

    def close(self) -> None:
        self._process.communicate(timeout=20)


def _started(module: str, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    paths = [str(ROOT), str(ROOT / "plugins"), os.environ.get("PYTHONPATH", "")]
    return subprocess.Popen(
        [sys.executable, "-m", module, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths)), **environment},
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Kill:
    """Where a process is to be killed; see `Order`."""

    point: str = ""
    passage: int = 0
    after: float = 0.0


NOWHERE: Final = Kill()


@dataclass(slots=True)
class Run:
    """One run through as many processes as it takes."""

    stage: Stage
    name: str
    search: str
    nonce: bool = False
    bug: str = ""
    sets: tuple[str, ...] = ()
    attempts: int = 0
    killed: list[int] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    """What the oracles found."""

    @property
    def out(self) -> Path:
        return self.stage.directory / self.name

    @property
    def acknowledged(self) -> list[tuple[int, str, str]]:
        return oracles.acknowledged(Path(f"{self.out}.{ACKNOWLEDGED}"))

    @property
    def passed(self) -> Counter[str]:
        """How often each fault point was passed by a process that was not killed."""
        return Counter(json.loads(Path(f"{self.out}.{DONE}").read_text())["passed"])

    def order(self, attempt: int, **more: Any) -> Order:
        """What the nursery is told of one process."""
        server = {
            "socket": str(self.stage.server.socket), "run": self.name, "nonce": self.nonce, "slowest": SLOWEST,
            "shuffle": f"{self.name}:{attempt}",
        }  # fmt: skip
        spec = str(self.stage.specs[self.search])
        return Order(spec, str(self.out), server, attempt, list(self.sets), bug=self.bug, **more)

    def process(self, kill: Kill = NOWHERE, *, crashes: int | None = None, report: bool = True) -> bool:
        """One process; whether it was killed. What can be seen then must be whole (O3)."""
        self.attempts += 1
        order = self.order(self.attempts, **asdict(kill), crashes=crashes, report=report)
        ended = self.stage.nursery.run(order)
        self.wrong += [f"O3: {said}" for said in oracles.unwhole(self.out)]
        if ended.killed:
            self.killed.append(self.attempts)
        elif ended.code:
            self.wrong.append(f"process {self.attempts} ended with {ended.code}: {ended.said}")
        return ended.killed

    def until_done(self, rng: random.Random, most_passages: int) -> None:
        """Killed, again and again, at any fault point, until a process gets to the end. No problem is to blame for it.

        How far a process gets before it is killed grows from kill to kill: what it must do again before it gets on, such
        as the whole of a long stage, may be more than a fixed number of passages seldom exceeds.
        """
        farthest = float(most_passages)
        while self.process(Kill(passage=rng.randint(1, int(farthest))), crashes=0) and not self.wrong:
            farthest *= GROWTH
            if len(self.killed) >= MOST_KILLS:
                self.wrong.append("it does not get on")

    def judge(self) -> list[str]:
        """What all oracles found, now that it is finished."""
        if not self.wrong:
            self.wrong += self._judged()
        return self.wrong

    def _judged(self) -> Iterator[str]:
        found = oracles.artifacts(self.out)
        whole = self._from_the_journal() if self.nonce else self.stage.left_alone(self.search, self.bug).artifacts
        for name in oracles.differences(whole, found):
            yield f"O1: {name} is not that of {'the journal' if self.nonce else 'the run that was left alone'}"
        acks, asked = self.acknowledged, self.stage.server.asked(self.name)
        yield from (f"O2: {said}" for said in oracles.lost(self.out, acks))
        yield from (f"O2: {key[:12]} was asked again" for key in oracles.asked_in_vain(asked, acks))
        again, most = oracles.asked_again(asked), oracles.under_way(asked, acks, self.killed)
        if again > most:
            yield f"{again} questions were asked again, {most} were under way"
        told = oracles.told_to_be_asked_again(self.out)
        repeated = len([key for key, times in Counter(key for _, key in asked).items() if times > 1])
        if told < repeated:
            yield f"the manifest tells of {told} answers that were asked for again, {repeated} were"
        try:
            api.verify_run(self.out)
        except CordspecError as error:
            yield f"it is not verified: {error}"

    def _from_the_journal(self) -> dict[str, str]:
        """The artifacts as they are made again from the journal alone: where answers are random, nothing else is known."""
        shutil.rmtree(self.out / "stages")
        before = len(self.stage.server.asked(self.name))
        self.process()
        asked = len(self.stage.server.asked(self.name)) - before
        return {**oracles.artifacts(self.out), **({f"{asked} questions": ""} if asked else {})}

    def remove(self) -> None:
        """Its files; there are hundreds of runs."""
        shutil.rmtree(self.out, ignore_errors=True)
        for path in self.out.parent.glob(f"{self.name}.*"):
            path.unlink()


@dataclass(frozen=True, slots=True)
class LeftAlone:
    """How a run ends that is left alone. How often it passes a fault point varies a little with the order of arrival."""

    artifacts: dict[str, str]
    passed: Counter[str]
    asked: list[tuple[int, str]]
    seconds: float

    @property
    def passed_again(self) -> int:
        """Fault points that are passed also where every answer is known: fewer passages in a process get it nowhere."""
        return sum(
            count for name, count in self.passed.items() if not name.startswith(("engine", "journal", "committer"))
        )


class Stage:
    """Where runs are killed: a directory, a server, a nursery, the specs, and how each ends when it is left alone."""

    def __init__(
        self, directory: Path, specs: Mapping[str, Path] | None = None, *, threads: bool = False, **environment: str
    ) -> None:  # fmt: skip
        self.directory = directory
        self._runs = 0
        directory.mkdir(parents=True, exist_ok=True)
        self.server = Server(directory)
        self.nursery = Nursery(**environment)
        self.specs = specs or {search: write_spec(directory / "specs", search) for search in SEARCHES}
        self._left_alone: dict[tuple[str, str], LeftAlone] = {}
        self._warm(threads=threads)

    def _warm(self, *, threads: bool) -> None:
        """Let the nursery import what a run needs: by a run of its own, or where that starts threads by their names."""
        search = next(iter(self.specs))
        warm = self.run("warm", search)
        modules = []
        if threads:
            assert not warm.process() and not warm.wrong, warm.wrong
            modules = json.loads(Path(f"{warm.out}.{DONE}").read_text())["modules"]
        self.nursery.run(warm.order(0, imports=modules))

    def run(self, name: str, search: str, **more: Any) -> Run:
        """A new run; names are told apart by numbers, for the server keeps what it was asked by them."""
        self._runs += 1
        return Run(self, f"{name}-{self._runs}", search, **more)

    def left_alone(self, search: str, bug: str = "") -> LeftAlone:
        """The run that is left alone, with the same bug in it."""
        if (search, bug) not in self._left_alone:
            run = self.run(f"whole-{search}-{bug}", search, bug=bug)
            begin = time.monotonic()
            run.process()
            seconds = time.monotonic() - begin
            assert bug or not run.wrong, run.wrong
            asked = self.server.asked(run.name)
            self._left_alone[search, bug] = LeftAlone(oracles.artifacts(run.out), run.passed, asked, seconds)
        return self._left_alone[search, bug]

    def close(self) -> None:
        self.nursery.close()
        self.server.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def spread(passages: Counter[str], wanted: int) -> list[Kill]:
    """So many kill points over all names: each name as evenly as its passages allow, first and last passage first."""
    chosen: dict[str, list[int]] = {name: [] for name in passages}
    orders = {name: _outside_in(count) for name, count in sorted(passages.items())}
    while sum(map(len, chosen.values())) < min(wanted, passages.total()):
        for name, order in orders.items():
            if len(chosen[name]) < len(order):
                chosen[name].append(order[len(chosen[name])])
    found = [Kill(name, passage) for name, some in chosen.items() for passage in some]
    return found[:wanted] if len(found) > wanted else found


def _outside_in(count: int) -> list[int]:
    """All numbers from 1 to count: the first, the last, and then always the middle of a gap."""
    order = [1, count] if count > 1 else [1]
    gaps = [(1, count)]
    while gaps:
        low, high = gaps.pop(0)
        if high - low > 1:
            middle = (low + high) // 2
            order.append(middle)
            gaps += [(low, middle), (middle, high)]
    return order
