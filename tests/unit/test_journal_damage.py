"""Whatever happens to the bytes of a journal: it opens at a committed prefix and says what is missing, or it is refused and
left as it is. Nothing is lost without a word.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from cordspec.errors import IntegrityError
from cordspec.journal import Journal, checking
from cordspec.journal.repairing import repair
from cordspec.journal.wal import Log, read_log
from cordspec.run.executor import losses

PAGE = 4096
DATABASE, LOG, MARK = "run.db", "run.db-wal", "run.mark"


@dataclass(frozen=True)
class Snapshot:
    """The files of a run whose process was killed, and the rows that it had been told were kept."""

    files: dict[str, bytes]
    rows: list[tuple[object, ...]]


@dataclass(frozen=True)
class Opened:
    """What came of opening damaged files: the rows, how many are told to be missing, or why it was refused."""

    rows: list[tuple[object, ...]]
    missing: int
    refused: str = ""


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """In memory where there is such a place: these are thousands of small files."""
    shared = Path("/dev/shm")
    with TemporaryDirectory(dir=shared if shared.is_dir() else None) as directory:
        yield Path(directory)


def answers(first: int, last: int) -> list[tuple[bytes, str, dict[str, object], float]]:
    return [(bytes([at]) * 32, "model", {"text": f"step {at} " * (at % 40)}, 0.25) for at in range(first, last)]


@pytest.fixture(scope="module")
def killed(place: Path) -> Snapshot:
    """Two processes: the first ended, the second was killed after several commits. Part is in the log, part in the file."""
    run = place / "killed"
    run.mkdir()
    with Journal(run / DATABASE) as journal:
        journal.put(answers(0, 40))
    journal = Journal(run / DATABASE)
    for first in range(40, 100, 6):
        journal.put(answers(first, first + 6))
    files = {path.name: path.read_bytes() for path in run.iterdir()}
    rows = list(journal.stored())
    journal.close()
    assert len(files[LOG]) > 3 * PAGE and len(files[DATABASE]) > 3 * PAGE
    return Snapshot(files, rows)


def opened(place: Path, files: dict[str, bytes]) -> Opened:
    run = place / "damaged"
    shutil.rmtree(run, ignore_errors=True)
    run.mkdir()
    for name, content in files.items():
        (run / name).write_bytes(content)
    try:
        journal = Journal(run / DATABASE)
    except IntegrityError as error:
        return Opened([], 0, error.diagnostics[0].code)
    rows = [row for row in journal.stored() if row[2] < journal.attempt]
    journal.close()
    return Opened(rows, journal.missing)


def is_honest(snapshot: Snapshot, found: Opened) -> bool:
    """A prefix of what was there, with the rest told to be missing; or a refusal."""
    if found.refused:
        return found.refused in ("E701", "E704")
    whole = snapshot.rows
    return found.rows == whole[: len(found.rows)] and found.missing == len(whole) - len(found.rows)


def with_bytes(snapshot: Snapshot, name: str, content: bytes) -> dict[str, bytes]:
    return {**snapshot.files, name: content}


def flipped(content: bytes, bit: int) -> bytes:
    changed = bytearray(content)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def test_a_killed_run_is_whole(place: Path, killed: Snapshot) -> None:
    found = opened(place, killed.files)
    assert found == Opened(killed.rows, 0)


@pytest.mark.parametrize("step", [13, pytest.param(1, marks=pytest.mark.slow)])
def test_a_log_cut_at_any_offset_of_its_last_page_opens_at_a_committed_prefix(
    place: Path, killed: Snapshot, step: int
) -> None:
    log = killed.files[LOG]
    end = 32 + len(read_log_of(place, killed).taken) * (24 + PAGE)
    for cut in range(end - PAGE - 24, end + 1, step):
        found = opened(place, with_bytes(killed, LOG, log[:cut]))
        assert not found.refused and is_honest(killed, found), cut


def read_log_of(place: Path, snapshot: Snapshot):
    path = place / "read.wal"
    path.write_bytes(snapshot.files[LOG])
    return read_log(path)


@pytest.mark.parametrize("name", [DATABASE, LOG])
def test_files_cut_at_random_are_told(place: Path, killed: Snapshot, name: str) -> None:
    rng = random.Random(name)
    content = killed.files[name]
    outcomes = set()
    for _ in range(100):
        cut = rng.randrange(len(content))
        found = opened(place, with_bytes(killed, name, content[:cut]))
        assert is_honest(killed, found), cut
        outcomes.add(found.refused or ("whole" if not found.missing else "missing"))
    assert ("missing" if name == LOG else "E701") in outcomes


@pytest.mark.parametrize("name", [DATABASE, LOG])
def test_a_flipped_bit_is_never_silent(place: Path, killed: Snapshot, name: str) -> None:
    rng = random.Random(f"flip {name}")
    content = killed.files[name]
    refused = 0
    for _ in range(150):
        bit = rng.randrange(len(content) * 8)
        found = opened(place, with_bytes(killed, name, flipped(content, bit)))
        assert is_honest(killed, found), bit
        refused += bool(found.refused)
    assert refused > 30


def test_a_bad_page_in_the_log_with_good_ones_after_it_is_left_as_it_is(place: Path, killed: Snapshot) -> None:
    log = flipped(killed.files[LOG], (32 + 24 + 100) * 8)
    files = with_bytes(killed, LOG, log)
    assert opened(place, files).refused == "E701"
    left = {path.name: path.read_bytes() for path in (place / "damaged").iterdir()}
    assert left[LOG] == log and left[DATABASE] == files[DATABASE] and left[MARK] == files[MARK]


def test_without_checksums_flipped_bits_would_be_used(
    place: Path, killed: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checking, "intact", lambda row: True)
    with pytest.raises(AssertionError):
        test_a_flipped_bit_is_never_silent(place, killed, DATABASE)


def test_without_a_look_at_the_log_good_rows_would_be_dropped(
    place: Path, killed: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cordspec.journal.journal.read_log", lambda path: Log())
    with pytest.raises(AssertionError):
        test_a_bad_page_in_the_log_with_good_ones_after_it_is_left_as_it_is(place, killed)


def test_without_the_mark_a_lost_end_would_be_silent(
    place: Path, killed: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    unmarked = Snapshot({**killed.files, MARK: b""}, killed.rows)
    with pytest.raises(AssertionError):
        test_files_cut_at_random_are_told(place, unmarked, LOG)


@pytest.mark.parametrize("name", [LOG, DATABASE])
def test_a_file_that_is_gone_is_told(place: Path, killed: Snapshot, name: str) -> None:
    files = {other: content for other, content in killed.files.items() if other != name}
    found = opened(place, files)
    assert found.missing > 0 and is_honest(killed, found)


def test_zeroed_pages_are_refused_or_hold_nothing(place: Path, killed: Snapshot) -> None:
    content = killed.files[DATABASE]
    for first in range(0, len(content), PAGE):
        zeroed = content[:first] + bytes(PAGE) + content[first + PAGE :]
        assert is_honest(killed, opened(place, with_bytes(killed, DATABASE, zeroed))), first


def damaged(place: Path, files: dict[str, bytes]) -> Path:
    run = place / "damaged"
    shutil.rmtree(run, ignore_errors=True)
    run.mkdir()
    for name, content in files.items():
        (run / name).write_bytes(content)
    return run


@pytest.mark.parametrize("name", [DATABASE, LOG])
def test_a_repair_keeps_every_row_that_can_be_read(place: Path, killed: Snapshot, name: str) -> None:
    rng = random.Random(f"repair {name}")
    content = killed.files[name]
    contents = {row[1]: row[2:6] for row in killed.rows}
    kept = []
    for _ in range(60):
        run = damaged(place, with_bytes(killed, name, flipped(content, rng.randrange(len(content) * 8))))
        try:
            saved = repair(run / DATABASE, dry_run=True)
        except IntegrityError:
            continue
        assert saved == repair(run / DATABASE, dry_run=False) and saved.lost == len(killed.rows) - saved.rows
        with Journal(run / DATABASE, looking=True) as journal:
            rows = list(journal.stored())
            assert journal.missing == 0 and len(rows) == saved.rows
        assert all(contents[row[1]] == row[2:6] for row in rows)
        kept.append(saved.rows / len(killed.rows))
    assert len(kept) > 50 and sum(kept) / len(kept) > 0.9


def test_a_bad_page_of_the_log_costs_its_own_rows_only(place: Path, killed: Snapshot) -> None:
    log = flipped(killed.files[LOG], (32 + 24 + 3000) * 8)
    run = damaged(place, with_bytes(killed, LOG, log))
    assert repair(run / DATABASE, dry_run=False).rows > 0.8 * len(killed.rows)
    assert (run / "run.db.damaged-1").read_bytes() == killed.files[DATABASE]
    assert (run / "run.db-wal.damaged-1").read_bytes() == log


def test_a_dry_run_changes_nothing(place: Path, killed: Snapshot) -> None:
    run = damaged(place, with_bytes(killed, DATABASE, flipped(killed.files[DATABASE], 90_000)))
    before = {path.name: path.read_bytes() for path in run.iterdir()}
    repair(run / DATABASE, dry_run=True)
    after = {path.name: path.read_bytes() for path in run.iterdir() if path.name != "run.lock"}
    assert after == {name: content for name, content in before.items() if name != "run.lock"}


def test_whoever_runs_is_told_what_is_missing(place: Path, killed: Snapshot) -> None:
    for name, code in ((LOG, "W712"), (MARK, "W713")):
        with Journal(damaged(place, with_bytes(killed, name, b"")) / DATABASE) as journal:
            assert [told.code for told in losses(journal)] == [code]
    with Journal(damaged(place, killed.files) / DATABASE) as journal:
        assert not list(losses(journal))
