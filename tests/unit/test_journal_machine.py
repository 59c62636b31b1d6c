"""The journal against a dictionary: whatever order of writes, kills, full disks and second openers, it knows what it said."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from cordspec.errors import CordspecError, IncompleteError
from cordspec.faultpoints import arm
from cordspec.journal import Journal
from cordspec.journal.journal import Row

KEYS = [bytes([number]) * 32 for number in range(12)]
BATCHES = st.lists(st.tuples(st.sampled_from(KEYS), st.text(max_size=4)), min_size=1, max_size=5)
POINTS = st.sampled_from(["journal.before_begin", "journal.before_commit", "journal.after_commit"])
_connect = sqlite3.connect


class Killed(BaseException):
    """The process is over, here and now."""


class JournalMachine(RuleBasedStateMachine):
    """A journal that is killed by copying its files aside: the copy is what a killed process leaves, and goes on."""

    kind: type[Journal] = Journal

    def __init__(self) -> None:
        super().__init__()
        memory = Path("/dev/shm")
        self.root = Path(tempfile.mkdtemp(dir=memory if memory.is_dir() else None, prefix="cordspec-"))
        self.lives = 0
        self.place = self.root / "0"
        self.place.mkdir()
        self.known: dict[bytes, tuple[dict[str, object], float]] = {}
        self.journal = self.kind(self.place / "run.db")

    @rule(batch=BATCHES)
    def put(self, batch: list[tuple[bytes, str]]) -> None:
        self.journal.put(rows(batch))
        self.learn(batch)

    @rule(batch=BATCHES, point=POINTS)
    def put_and_be_killed(self, batch: list[tuple[bytes, str]], point: str) -> None:
        """What was committed is there, told or not; what was not is not."""
        arm(raising(point, Killed()))
        with pytest.raises(Killed):
            self.journal.put(rows(batch))
        arm(None)
        if point == "journal.after_commit":
            self.learn(batch)
        self.be_killed()

    @rule(batch=BATCHES, point=POINTS)
    def put_on_a_full_disk(self, batch: list[tuple[bytes, str]], point: str) -> None:
        """The process ends of it, and a later one finds what was committed."""
        arm(raising(point, OSError(errno.ENOSPC, "No space left on device")))
        with pytest.raises((OSError, IncompleteError)):
            self.journal.put(rows(batch))
        arm(None)
        if point == "journal.after_commit":
            self.learn(batch)
        self.reopen()

    @rule()
    def be_killed(self) -> None:
        self.lives += 1
        left = self.root / str(self.lives)
        shutil.copytree(self.place, left)
        with suppress(CordspecError):  # what the corpse writes is not in the copy
            self.journal.close()
        shutil.rmtree(self.place)
        self.place = left
        self.journal = self.kind(self.place / "run.db")

    @rule()
    def reopen(self) -> None:
        self.journal.close()
        self.journal = self.kind(self.place / "run.db")

    @rule()
    def open_from_a_second_process(self) -> None:
        """It is refused, and changes nothing."""
        child = os.fork()
        if not child:
            code = 99
            try:
                with patch.object(sqlite3, "connect", impatient):
                    self.kind(self.place / "run.db")
            except CordspecError as error:
                code = 0 if error.diagnostics[0].code == "E703" else 98
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0

    @invariant()
    def it_knows_what_it_said(self) -> None:
        assert self.journal.get([*KEYS, b"unknown"]) == self.known
        assert len(self.journal) == len(self.known)

    def learn(self, batch: list[tuple[bytes, str]]) -> None:
        """A known key keeps its first answer."""
        for key, _, answer, seconds in rows(batch):
            self.known.setdefault(key, (answer, seconds))

    def teardown(self) -> None:
        arm(None)
        self.journal.close()
        shutil.rmtree(self.root)


def rows(batch: list[tuple[bytes, str]]) -> list[Row]:
    return [(key, "model", {"text": text}, len(text) / 8) for key, text in batch]


def raising(point: str, error: BaseException) -> Any:
    def hook(name: str) -> None:
        if name == point:
            raise error

    return hook


def impatient(path: Any, **named: Any) -> sqlite3.Connection:
    """A connection that does not wait for another one."""
    return _connect(path, **{**named, "timeout": 0.0})


class Overwriting(Journal):
    """A bug: a known key is given its last answer."""

    def __init__(self, path: Path) -> None:
        self._last: dict[bytes, tuple[dict[str, object], float]] = {}
        super().__init__(path)

    def put(self, answers: Any) -> None:
        found = list(answers)
        super().put(found)
        self._last.update({key: (answer, seconds) for key, _, answer, seconds in found if key in KEYS})

    def get(self, keys: Any) -> Any:
        return {**super().get(keys), **{key: said for key, said in self._last.items() if key in keys}}


class Late(Journal):
    """A bug: an answer is written with the next one."""

    def __init__(self, path: Path) -> None:
        self._held: list[Row] = []
        super().__init__(path)

    def put(self, answers: Any) -> None:
        found = list(answers)
        late = [row for row in found if row[0] in KEYS]
        now, self._held = self._held, late
        super().put([*now, *(row for row in found if row not in late)])

    def get(self, keys: Any) -> Any:
        held = {key: (answer, seconds) for key, _, answer, seconds in reversed(self._held) if key in keys}
        return {**held, **super().get(keys)}

    def __len__(self) -> int:
        return len(self.get(KEYS))


class Unlocked(Journal):
    """A bug: each process has a journal of its own."""

    def __init__(self, path: Path) -> None:
        own = path.with_name(str(os.getpid()))
        own.mkdir(exist_ok=True)
        super().__init__(own / path.name)


def check(kind: type[Journal], **named: Any) -> None:
    machine = type("Machine", (JournalMachine,), {"kind": kind})
    run_state_machine_as_test(
        machine, settings=settings(max_examples=60, stateful_step_count=30, deadline=None, **named)
    )


def test_a_journal_is_a_dictionary_that_survives() -> None:
    check(Journal)


@pytest.mark.parametrize("kind", [Overwriting, Late, Unlocked])
def test_a_journal_that_does_not_is_found_out(kind: type[Journal]) -> None:
    with pytest.raises(AssertionError):
        check(kind, phases=[Phase.generate], report_multiple_bugs=False)


def test_what_was_not_committed_is_not_given(tmp_path: Path) -> None:
    with Journal(tmp_path / "run.db") as journal:
        arm(raising("journal.before_commit", OSError(errno.EIO, "Input/output error")))
        with pytest.raises((OSError, IncompleteError)):
            journal.put(rows([(KEYS[0], "lost")]))
        arm(None)
        with suppress(IncompleteError):  # a journal whose disk failed may give nothing at all
            assert journal.get(KEYS) == {}
