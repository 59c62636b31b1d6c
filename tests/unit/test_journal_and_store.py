"""What is stored is stored once and whole."""

from __future__ import annotations

import errno
import json
import sqlite3
from pathlib import Path

import pytest

from cordspec.artifacts.store import RunDirectory, write_text
from cordspec.domain.inference import GenerateRequest, Sampling, ScoreRequest
from cordspec.domain.prompt import Segment
from cordspec.errors import IncompleteError, IntegrityError
from cordspec.faultpoints import arm
from cordspec.journal import Journal, answer_key

REQUEST = GenerateRequest((Segment("q"),), Sampling(), ("stop",), 10, 1)


def test_an_answer_is_found_again_and_the_first_one_stays(tmp_path: Path) -> None:
    key = answer_key("model", REQUEST)
    with Journal(tmp_path / "run.db") as journal:
        journal.put([(key, "model", {"text": "one"}, 0.5)])
        journal.put([(key, "model", {"text": "two"}, 0.5)])
    with Journal(tmp_path / "run.db") as journal:
        assert journal.get([key, b"other"]) == {key: ({"text": "one"}, 0.5)}
        assert len(journal) == 1


def test_a_key_depends_on_all_that_decides_an_answer() -> None:
    from dataclasses import replace

    others = [
        answer_key("other", REQUEST),
        answer_key("model", replace(REQUEST, prompt=(Segment("q", template=True),))),
        answer_key("model", replace(REQUEST, sampling=Sampling(0.7))),
        answer_key("model", replace(REQUEST, stop=())),
        answer_key("model", replace(REQUEST, max_tokens=11)),
        answer_key("model", replace(REQUEST, seed=2)),
        answer_key("model", ScoreRequest(REQUEST.prompt, "a", ".")),
    ]
    assert len({answer_key("model", REQUEST), *others}) == len(others) + 1


def test_a_second_process_is_refused(tmp_path: Path) -> None:
    with Journal(tmp_path / "run.db"), pytest.raises(IncompleteError, match=r"E703.*another process is working"):
        Journal(tmp_path / "run.db")


def test_a_damaged_journal_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "run.db").write_bytes(b"no database at all" * 100)
    with pytest.raises(IntegrityError, match="E701"):
        Journal(tmp_path / "run.db")


def test_a_journal_of_another_version_is_not_used(tmp_path: Path) -> None:
    Journal(tmp_path / "run.db").close()
    with sqlite3.connect(tmp_path / "run.db") as connection:
        connection.execute("UPDATE meta SET value = '99' WHERE name = 'schema'")
    connection.close()
    with pytest.raises(IntegrityError, match=r"E704.*version 99"):
        Journal(tmp_path / "run.db")


def test_a_stage_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path)
    directory.create()
    with pytest.raises(RuntimeError), directory.writing("s") as out:
        write_text(out / "a.txt", "half")
        raise RuntimeError
    assert not directory.has("s") and list((tmp_path / "stages").iterdir()) == []
    with directory.writing("s") as out:
        write_text(out / "a.txt", "whole")
    assert directory.has("s")
    directory.verify("s")
    (directory.stage("s") / "a.txt").write_text("changed")
    with pytest.raises(IntegrityError, match="E706"):
        directory.verify("s")


@pytest.mark.parametrize("point", ["file.before_sync", "file.before_rename"])
def test_a_full_disk_leaves_the_file_as_it_was_and_nothing_beside_it(tmp_path: Path, point: str) -> None:
    directory = RunDirectory(tmp_path)
    directory.write("manifest.json", "before")

    def full(name: str) -> None:
        if name == point:
            raise OSError(errno.ENOSPC, "No space left on device")

    arm(full)
    try:
        with pytest.raises(IncompleteError, match="E702"):
            directory.write("manifest.json", "after")
    finally:
        arm(None)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("manifest.json", "before")]


def test_a_receipt_names_every_file(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path)
    directory.create()
    with directory.writing("s") as out:
        (out / "deep").mkdir()
        write_text(out / "deep" / "b.txt", "b")
        write_text(out / "a.txt", "a")
    receipt = json.loads((directory.stage("s") / "artifact.json").read_text())
    assert {name: entry["bytes"] for name, entry in receipt["files"].items()} == {"a.txt": 1, "deep/b.txt": 1}
