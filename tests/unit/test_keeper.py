"""What cordspec starts ends with it: the command is asked first, and what it left behind is ended too."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from cordspec.plugin import Unavailable
from cordspec_serving import gpus
from cordspec_serving.clocks import Clocks
from cordspec_serving.connection import Connection
from cordspec_vllm import placement
from cordspec_vllm.models import VllmModel, VllmOptions
from cordspec_vllm.server import Command, Server, start
from cordspec_vllm.started import StartedBackend

CHILD = "import sys, time\nwhile True: open(sys.argv[1], 'a').write('.'); time.sleep(0.02)"
PARENT = f"""
import pathlib, signal, subprocess, sys, time
subprocess.Popen([sys.executable, "-c", {CHILD!r}, sys.argv[1]])
def asked(*_):
    time.sleep(0.9)
    pathlib.Path(sys.argv[2]).write_text("asked")
    raise SystemExit(0)
signal.signal(signal.SIGTERM, asked)
print("AnError: begun", flush=True)
while True: time.sleep(0.02)
"""


def until(what: Callable[[], bool], seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while not what() and time.monotonic() < deadline:
        time.sleep(0.02)
    return what()


def grows(path: Path) -> bool:
    before = path.stat().st_size
    time.sleep(0.2)
    return path.stat().st_size > before


def test_when_cordspec_ends_the_command_and_what_it_started_end(tmp_path: Path) -> None:
    beats, asked = tmp_path / "beats", tmp_path / "asked"
    keeper = [sys.executable, "-m", "cordspec_serving.keeper", sys.executable, "-c", PARENT, str(beats), str(asked)]
    process = subprocess.Popen(keeper, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True)
    assert until(beats.exists) and grows(beats)
    assert process.stdin is not None
    process.stdin.close()
    process.wait(timeout=10)
    assert asked.exists() and not grows(beats)


def test_a_server_is_asked_to_end_before_it_is_made_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    beats, asked = tmp_path / "beats", tmp_path / "asked"
    line = [sys.executable, "-c", PARENT, str(beats), str(asked)]
    monkeypatch.setattr(Command, "line", lambda self, *_: line)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "logs"))
    (tmp_path / "logs").mkdir()
    server = start(Command(sys.executable, ()))
    assert until(beats.exists) and until(lambda: server.last_words() == "AnError: begun")
    asyncio.run(server.stop())
    assert asked.exists() and not grows(beats)
    assert not list((tmp_path / "logs").iterdir()), "no log is left behind"


def test_gpus_that_do_not_suffice_are_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(placement, "visible", lambda: ("0", "1", "2"))
    model = VllmModel(VllmOptions(weights="some/model", gpus=2, replicas=2))
    with pytest.raises(Unavailable, match="GPUs are needed"):
        asyncio.run(model._started())  # type: ignore[arg-type]
    assert placement.PLACEMENT.take(3) == ("0", "1", "2")
    placement.PLACEMENT.give_back(("0", "1", "2"))


def test_a_driver_that_does_not_answer_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(*_: object, **__: object) -> None:
        raise subprocess.TimeoutExpired("nvidia-smi", 30)

    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(gpus.shutil, "which", lambda _: "nvidia-smi")
    monkeypatch.setattr(gpus.subprocess, "run", hang)
    gpus.visible.cache_clear()
    assert gpus.visible() == ()
    gpus.visible.cache_clear()


def test_another_server_on_the_port_is_found_out() -> None:
    """A port is free when it is chosen and may be taken when the server wants it: then another one answers there."""
    line = Command("python", ()).line(1, "model-1")
    assert line[line.index("--served-model-name") + 1] == "model-1"

    class Other(Connection):
        async def get_object(self, path: str) -> dict[str, object]:
            return {"data": [{"id": "model-2"}]}

    server = Server(None, 1, "model-1", None)  # type: ignore[arg-type]
    backend = StartedBackend(server, (), Clocks())
    backend._connection = Other(server.address)
    with pytest.raises(Unavailable, match="serves model-2, not one `model-1`"):
        asyncio.run(backend.about())
