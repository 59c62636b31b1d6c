"""A disk that fails at any write: no new call, E702, exit 5; with room again the same command ends in the same bytes."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from cordspec import api, faultpoints
from cordspec.errors import CordspecError, IncompleteError
from cordspec.journal import Journal
from cordspec.run import executor
from tests.real.toys import Toys

WRITES = ("journal.", "stage.", "file.", "ordered.")


@pytest.fixture(autouse=True)
def disarmed():
    yield
    faultpoints.arm(None)


@pytest.fixture
def toys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Toys:
    made = Toys(tmp_path / "work", problems=3)
    monkeypatch.chdir(made.place)
    return made


def run(toys: Toys, hook: Callable[[str], None] | None = None) -> None:
    faultpoints.arm(hook)
    try:
        api.execute(toys.variants(), toys.out, registry=toys.registry())
    finally:
        faultpoints.arm(None)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Toys, Counter[str]]:
    """An undisturbed run, and how often it passed each place where it writes."""
    toys = Toys(tmp_path_factory.mktemp("whole") / "work", problems=3)
    passed: Counter[str] = Counter()

    def note(name: str) -> None:
        if name.startswith(WRITES):
            passed[name] += 1

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(toys.place)
        run(toys, note)
    return toys, passed


class Disk:
    """Fails at the n-th pass of a place, and notes what is passed afterwards."""

    def __init__(self, place: str, number: int, code: int) -> None:
        self.place, self.left, self.code = place, number, code
        self.afterwards: list[str] = []

    @property
    def failed(self) -> bool:
        return self.left == 0

    def __call__(self, name: str) -> None:
        if self.failed:
            self.afterwards.append(name)
        elif name == self.place:
            self.left -= 1
            if self.failed:
                raise OSError(self.code, os.strerror(self.code))


PLACES = (
    "journal.before_begin", "journal.before_commit", "journal.after_commit", "file.before_sync", "file.before_rename",
    "file.after_rename", "stage.begun", "stage.before_receipt", "stage.before_rename", "stage.after_rename", "stage.kept",
    "ordered.part", "ordered.copied", "ordered.whole", "file.opened", "journal.marked",
)  # fmt: skip


def test_these_are_all_places_at_which_a_run_writes(whole: tuple[Toys, Counter[str]]) -> None:
    assert {*PLACES, *AT_THE_START} == set(whole[1])


AT_THE_START = ("journal.connected", "journal.created", "journal.counted")
CODES = (errno.ENOSPC, errno.EIO, errno.EROFS)
CASES = [(place, when, CODES[at]) for place in PLACES for at, when in enumerate(("first", "middle", "last"))]
CASES += [(place, "first", errno.ENOSPC) for place in AT_THE_START]


@pytest.mark.parametrize(("place", "when", "code"), CASES)
def test_a_failing_write_stops_the_run_and_loses_nothing(
    toys: Toys, whole: tuple[Toys, Counter[str]], place: str, when: str, code: int
) -> None:
    reference, passed = whole
    number = {"first": 1, "middle": passed[place] // 2 + 1, "last": passed[place]}[when]
    disk = Disk(place, number, code)
    with pytest.raises(IncompleteError, match="E702") as caught:
        run(toys, disk)
    assert caught.value.exit_code == 5 and disk.failed
    assert "engine.before_ask" not in disk.afterwards, "a call was made after the disk had failed"
    if place.startswith("journal."):
        assert not [name for name in disk.afterwards if name.startswith("journal.")], "the journal was written again"
    run(toys)
    assert toys.texts() == reference.texts()
    assert all(count["pending"] == 0 for count in toys.manifest["problems"].values())  # type: ignore[attr-defined]


def test_a_journal_that_tries_again_after_a_failure_is_seen(toys: Toys, monkeypatch: pytest.MonkeyPatch) -> None:
    """The check above can fail: this is what it does with a journal that forgets its failure."""

    class Forgetting(Journal):
        def put(self, answers):
            self._failed = None
            super().put(answers)

        def close(self, how="finished"):
            self._failed = None
            super().close(how)

    monkeypatch.setattr(executor, "Journal", lambda path, **_: Forgetting(path))
    seen = 0
    for number in range(1, 12):
        disk = Disk("journal.before_begin", number, errno.EIO)
        with pytest.raises(CordspecError):
            run(toys, disk)
        shutil.rmtree(toys.out)
        seen += any(name.startswith(("journal.", "engine.before_ask")) for name in disk.afterwards)
    assert seen


def test_the_status_of_a_run_on_a_full_disk_names_the_code(toys: Toys) -> None:
    with pytest.raises(IncompleteError):
        run(toys, Disk("journal.before_commit", 4, errno.ENOSPC))
    status = json.loads((toys.out / "status.json").read_text())
    assert (status["state"], status["code"]) == ("failed", "E702")
