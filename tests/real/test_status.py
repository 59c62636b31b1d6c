"""`cordspec status` beside live, finished and killed runs; it opens no journal."""

from __future__ import annotations

import json
import shlex
import signal
import sqlite3
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from cordspec.artifacts.status import read_status
from cordspec.cli.main import main
from cordspec.cli.status import state_of
from cordspec.processes import this_process
from tests.real.test_stopping import SLOW, wait_for
from tests.real.toys import Toys


def test_a_live_run_is_seen_and_not_disturbed_and_a_killed_one_is_told_from_it(tmp_path: Path) -> None:
    toys = Toys(tmp_path / "work", problems=6)
    process = toys.start(*SLOW)
    wait_for(process, "StageProgress", "decode", done=2)
    process.send_signal(signal.SIGSTOP)  # it stays where it is, however slow this machine is
    said = toys.call("status", "run").stdout
    assert f"running: process {process.pid} on " in said and "attempt 1" in said
    found = json.loads(toys.call("status", "run", "--format", "json").stdout)
    assert found["is"] == "running" and found["stage"] == "decode traces" and found["total"] == 6
    counts = found["counts"]
    assert counts["done"] + counts["failed"] + counts["quarantined"] + counts["pending"] == 6
    assert found["done"] < 6 and counts["waves"] > 0 and counts["calls"] >= counts["asked"] > 0 and counts["tokens"] > 0
    process.send_signal(signal.SIGCONT)
    wait_for(process, "StageProgress", "decode", done=found["done"] + 1)
    assert process.poll() is None, "it was disturbed"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    said = toys.call("status", "run").stdout
    assert "was killed" in said and "attempt" not in said.splitlines()[0]
    resume = next(line for line in said.splitlines() if line.startswith("resume with: "))
    words = shlex.split(resume.removeprefix("resume with: "))
    assert words[:4] == ["cordspec", "run", "t.cord", "--out"]
    again = toys.call(*words[1:])
    assert again.returncode == 0, again.stderr
    status = read_status(toys.out)
    assert status is not None and status.state == "finished" and status.attempt == 2
    assert "finished at" in toys.call("status", "run").stdout


def test_a_failed_run_says_with_which_code(tmp_path: Path) -> None:
    toys = Toys(tmp_path / "work")
    toys.spec.write_text(toys.spec.read_text().replace('name = "prover"', 'name = "broken"'))
    assert toys.run().returncode == 4
    said = toys.call("status", "run").stdout
    assert "failed at" in said and ": E331\n" in said and "resume with: " in said


def test_no_journal_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    toys = Toys(tmp_path / "work", problems=2)
    assert toys.run().returncode == 0

    def refused(*_: object, **__: object) -> None:
        raise AssertionError("the journal was opened")

    monkeypatch.setattr(sqlite3, "connect", refused)
    assert main(["status", str(toys.out)]) == 0
    assert "finished at" in capsys.readouterr().out
    (toys.out / "run.lock").write_text(json.dumps({"host": "node7", "pid": 12, "boot": "b", "started": ""}))
    (toys.out / "status.json").write_text(
        (toys.out / "status.json").read_text().replace('"state": "finished"', '"state": "running"')
    )
    assert main(["status", str(toys.out)]) == 0
    assert "the directory is held by process 12 on node7" in capsys.readouterr().out


def test_what_is_no_run_directory_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for content in (None, "", "{", "[]", '{"schema_version": 1}', '{"schema_version": 99}'):
        if content is not None:
            (tmp_path / "status.json").write_text(content)
        assert main(["status", str(tmp_path)]) == 2
        assert "error[E708]" in capsys.readouterr().err


def test_alive_is_this_very_process_and_no_other_of_its_number(tmp_path: Path) -> None:
    me = this_process()
    assert me.alive is True
    assert replace(me, started="1").alive is False, "the number was given to another process"
    assert replace(me, boot="another").alive is False, "the machine was started anew"
    assert replace(me, host="node7").alive is None
    ended = subprocess.Popen(["true"])
    ended.wait()
    assert replace(me, pid=ended.pid).alive is False


def test_a_run_on_another_machine_is_not_called_dead(tmp_path: Path) -> None:
    toys = Toys(tmp_path / "work", problems=2)
    assert toys.run().returncode == 0
    status = read_status(toys.out)
    assert status is not None
    elsewhere = replace(status, state="running", process=replace(status.process, host="node7"))
    assert state_of(elsewhere) == "unknown"
