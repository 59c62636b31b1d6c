"""Where a run cannot or should not live: each of these places has its code, and leaves what was there."""

from __future__ import annotations

import os
import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from cordspec.cli.main import main
from cordspec.run import places
from tests.real.toys import Toys

WITHOUT_OVERRIDE = [
    "setpriv",
    "--bounding-set=-dac_override,-dac_read_search",
    "--inh-caps=-dac_override,-dac_read_search",
]
"""The superuser may write anywhere; without these capabilities permissions hold for him too."""


@pytest.fixture
def toys(tmp_path: Path) -> Toys:
    return Toys(tmp_path / "work", problems=2)


def run(toys: Toys, out: str, **more: object) -> subprocess.CompletedProcess[str]:
    command = toys.command("run", "t.cord", "--out", out, "--display", "plain")
    if os.geteuid() == 0:
        command = [*WITHOUT_OVERRIDE, *command]
    return subprocess.run(
        command, cwd=toys.place, env=toys.environment, capture_output=True, text=True, check=False, timeout=120, **more
    )  # type: ignore[call-overload]


def told(done: subprocess.CompletedProcess[str], code: str, exit_code: int) -> str:
    assert done.returncode == exit_code, done.stdout + done.stderr
    assert done.stderr.count("error[") == 1 and f"error[{code}]" in done.stderr, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


@pytest.fixture
def mounted(toys: Toys) -> Iterator[Path]:
    """A file system of 64 KiB."""
    place = toys.place / "small"
    place.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(place)], check=False)
    if made.returncode != 0:
        pytest.skip("mounting a small file system is not allowed here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_read_only_file_system(toys: Toys, mounted: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(mounted)], check=True)
    assert "read-only file system" in told(run(toys, "small/run"), "E702", 5)


def test_no_room_at_all(toys: Toys, mounted: Path) -> None:
    free = os.statvfs(mounted)
    (mounted / "filler").write_bytes(b"x" * (free.f_bavail * free.f_frsize))
    assert "0 bytes are free" in told(run(toys, "small"), "E717", 3)
    (mounted / "filler").unlink()


def test_a_disk_that_fills_up_on_the_way(toys: Toys, mounted: Path) -> None:
    free = os.statvfs(mounted)
    (mounted / "filler").write_bytes(b"x" * (free.f_bavail * free.f_frsize - 12 * 1024))
    said = told(run(toys, "small"), "E702", 5)
    assert "warning[W717]" not in said or "12.0 KiB free" in said


def test_a_directory_of_somebody_else(toys: Toys) -> None:
    (toys.place / "theirs").mkdir(mode=0o555)
    assert "permission denied" in told(run(toys, "theirs/run"), "E702", 5)


def test_a_run_directory_that_was_made_read_only(toys: Toys) -> None:
    assert toys.run("--limit", "1").returncode == 0
    before = {path: path.read_bytes() for path in toys.out.rglob("*") if path.is_file()}
    for path in (toys.out, toys.out / "stages"):
        path.chmod(0o555)
    try:
        told(run(toys, "run"), "E702", 5)
    finally:
        for path in (toys.out, toys.out / "stages"):
            path.chmod(0o755)
    assert {path: path.read_bytes() for path in before if path.name != "run.db"} == {
        path: content for path, content in before.items() if path.name != "run.db"
    }


def test_a_journal_that_may_not_be_read(toys: Toys) -> None:
    assert toys.run("--limit", "1").returncode == 0
    (toys.out / "run.db").chmod(0)
    told(run(toys, "run"), "E702", 5)


def test_a_file_where_a_directory_should_be(toys: Toys) -> None:
    (toys.place / "file").write_text("")
    told(run(toys, "file/run"), "E702", 5)
    told(run(toys, "file"), "E702", 5)
    assert (toys.place / "file").read_text() == ""


def test_a_name_that_is_too_long(toys: Toys) -> None:
    told(run(toys, "x" * 300), "E702", 5)


def test_a_limit_on_the_size_of_files(toys: Toys) -> None:
    limit = (12 * 1024, 12 * 1024)
    done = run(toys, "run", preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit))
    told(done, "E702", 5)
    assert toys.run().returncode == 0


def in_this_process(toys: Toys, monkeypatch: pytest.MonkeyPatch) -> int:
    toys.registry()
    monkeypatch.chdir(toys.place)
    return main(["run", "t.cord", "--out", "run", "--display", "plain"])


@pytest.mark.parametrize("kind", ["nfs4", "lustre", "cifs", "ext4"])
def test_a_network_file_system_is_warned_of(
    toys: Toys, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    mounts = toys.place / "mountinfo"
    mounts.write_text(
        "22 1 0:1 / / rw - ext4 /dev/root rw\n"
        f"40 22 0:9 / {toys.place} rw,relatime shared:7 - {kind} server:/export rw\n"
        f"41 22 0:9 / {toys.place}/runs rw - tmpfs tmpfs rw\n"
    )
    monkeypatch.setattr(places, "MOUNTS", mounts)
    assert in_this_process(toys, monkeypatch) == 0
    assert (f"warning[W718]: run is on a network file system ({kind})" in capsys.readouterr().err) == (kind != "ext4")


def test_little_room_is_warned_of_and_refuses_nothing(
    toys: Toys, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "statvfs", lambda _: SimpleNamespace(f_bavail=10, f_frsize=1024))
    assert in_this_process(toys, monkeypatch) == 0
    assert "warning[W717]: run has 10.0 KiB free" in capsys.readouterr().err
    assert in_this_process(toys, monkeypatch) == 0
    assert "W717" not in capsys.readouterr().err, "nothing is left to write"


def test_the_type_of_a_real_file_system_is_found() -> None:
    assert places.file_system(Path("/proc")) == "proc"
    assert places.file_system(Path("/")) != ""
