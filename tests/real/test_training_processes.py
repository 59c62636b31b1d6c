"""The processes of a training: followed line by line, ended with whoever listens, their last words told."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cordspec.plugin import Unavailable
from cordspec_train import launching
from cordspec_train.assignment import Assignment, read_assignment
from cordspec_train.builds import YOUNG, release_abandoned
from cordspec_train.fitting import FitSettings
from cordspec_train.launching import RENDEZVOUS, failed, follow
from cordspec_train.sharing import Shares

TALKING = """
import sys, time
with open(sys.argv[1], 'a', buffering=1) as out:
    out.write('{"step": 3'); time.sleep(0.5); out.write('}\\n')
    out.write('{"step": 4}\\n')
    if sys.argv[2] == 'stay': time.sleep(600)
    out.write('{"losses": [1.0]}\\n')
print('a last word'); sys.exit(int(sys.argv[2]))
"""


def assignment(work: Path, nodes: int = 1, resumed: str = "") -> Assignment:
    return Assignment(
        str(work), "init", "out", resumed, 5, FitSettings(), Shares(nodes, 2, 1, 4), {"processes": 2 * nodes}, {}, "fp32",
        True, False,
    )  # fmt: skip


def speaks(monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    monkeypatch.setattr(launching, "command", lambda one: [sys.executable, "-c", TALKING, str(one.progress), how])


def test_every_line_is_told_when_it_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    speaks(monkeypatch, "0")
    lines: list[dict] = []
    assert follow(assignment(tmp_path), lines.append, lambda: None) == 0
    assert lines == [{"step": 3}, {"step": 4}, {"losses": [1.0]}]


def test_what_a_checkpoint_does_not_know_of_is_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    speaks(monkeypatch, "0")
    one = assignment(tmp_path, resumed=str(tmp_path / "checkpoint-2"))
    one.progress.write_text('{"step": 1}\n{"step": 2}\n{"step": 3}\n{"diverged": "so"}\n{"ste')
    lines: list[dict] = []
    follow(one, lines.append, lambda: None)
    assert [line.get("step") for line in lines] == [3, 4, None], "what was known before is not told again"
    assert one.progress.read_text() == '{"step": 1}\n{"step": 2}\n{"step": 3}\n{"step": 4}\n{"losses": [1.0]}\n'


def test_who_listens_can_end_it_between_two_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    speaks(monkeypatch, "stay")
    lines: list[dict] = []

    def stop() -> None:
        if len(lines) == 2:
            raise KeyboardInterrupt

    begin = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        follow(assignment(tmp_path), lines.append, stop)
    assert time.monotonic() - begin < 60
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert str(tmp_path) not in listed


def test_the_last_words_of_a_failure_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    speaks(monkeypatch, "7")
    one = assignment(tmp_path)
    status = follow(one, lambda _: None, lambda: None)
    told = failed(one, status)
    assert status == 7 and "status 7" in str(told) and str(told).endswith("a last word")
    assert (told.code, str(one.log) in told.help) == ("E802", True)


def test_a_training_on_several_nodes_says_where_they_meet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Unavailable, match="needs to know where they meet") as caught:
        launching.command(assignment(tmp_path, nodes=2))
    assert RENDEZVOUS in caught.value.help
    monkeypatch.setenv(RENDEZVOUS, "node0:29500")
    call = launching.command(assignment(tmp_path, nodes=2))
    assert call[call.index("--rdzv-endpoint") + 1] == "node0:29500" and call[call.index("--nnodes") + 1] == "2"
    assert "--standalone" in launching.command(assignment(tmp_path))


def test_an_assignment_is_read_as_it_was_written(tmp_path: Path) -> None:
    one = assignment(tmp_path)
    one.write()
    assert read_assignment(one.file) == one
    assert launching.environment(one)["DS_ACCELERATOR"] == os.environ.get("DS_ACCELERATOR", "cpu")


def test_a_build_that_was_killed_is_released_and_one_at_work_is_not(tmp_path: Path) -> None:
    abandoned, at_work, begun = (tmp_path / "py311_cpu" / name for name in ("abandoned", "at_work", "begun"))
    for directory in (abandoned, at_work, begun):
        directory.mkdir(parents=True)
        (directory / "lock").touch()
    old = time.time() - 2 * YOUNG
    for directory in (abandoned, at_work):
        os.utime(directory / "lock", (old, old))
    compiler = subprocess.Popen([sys.executable, "-c", "input()"], cwd=at_work, stdin=subprocess.PIPE)
    try:
        assert release_abandoned(tmp_path, time.time()) == [abandoned / "lock"]
    finally:
        compiler.kill()
        compiler.wait()
    assert release_abandoned(tmp_path, time.time()) == [at_work / "lock"]
    assert (begun / "lock").exists()
