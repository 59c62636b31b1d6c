"""The processes of a training: started with torch's launcher, followed by the lines that the first writes, ended with us."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from cordspec.plugin import Failed, Unavailable
from cordspec_train.assignment import Assignment, read_assignment
from cordspec_train.commits import PREFIX

LOOK: Final = 0.2
"""Seconds between two looks at the progress."""
BEAT: Final = 1.0
"""Seconds after which the listener is told again where the training is, so that it can stop it."""
GRACE: Final = 15.0
LAST_LINES: Final = 12
RENDEZVOUS: Final = "CORDSPEC_RENDEZVOUS"
"""``host:port`` of the first node, for a training on several."""


def command(assignment: Assignment) -> list[str]:
    """The call of torch's launcher for the processes of this node."""
    share = assignment.shares
    if share.nodes == 1:
        where = ["--standalone"]
    else:
        endpoint = os.environ.get(RENDEZVOUS, "")
        if not endpoint:
            message = f"a training on {share.nodes} nodes needs to know where they meet"
            raise Unavailable(message, f"set {RENDEZVOUS}=HOST:PORT, an address of the first node, on every node")
        name = Path(assignment.work).name
        where = ["--rdzv-backend", "c10d", "--rdzv-endpoint", endpoint, "--rdzv-id", name]
    return [
        sys.executable, "-m", "torch.distributed.run", "--nnodes", str(share.nodes), "--nproc-per-node", str(share.ranks),
        "--max-restarts", "0", *where, "-m", "cordspec_train.worker", str(assignment.file),
    ]  # fmt: skip


def environment(assignment: Assignment) -> dict[str, str]:
    """What the processes are told by their environment; what is set already stays."""
    more = {"TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
    if not assignment.on_gpus:
        more |= {"DS_ACCELERATOR": "cpu", "OMP_NUM_THREADS": "1"}
    return {**more, **os.environ, "PYTHONUNBUFFERED": "1"}


def follow(assignment: Assignment, on_line: Callable[[dict[str, Any]], None], on_beat: Callable[[], None]) -> int:
    """Run the processes of this node and hand on every line of progress. Returns the launcher's exit status.

    What ``on_line`` or ``on_beat`` raises ends the processes. So does the end of this process, whatever ends it: a keeper
    watches a pipe that only we hold open.

    Raises:
        Unavailable: they cannot be started.
    """
    _forget_after(assignment)
    with assignment.progress.open(encoding="utf-8") as lines, _started(assignment) as process:
        lines.seek(0, os.SEEK_END)
        beaten = time.monotonic()
        while True:
            ended = process.poll() is not None
            for line in _whole_lines(lines):
                on_line(line)
                beaten = time.monotonic()
            if ended:
                return process.returncode
            if time.monotonic() - beaten >= BEAT:
                on_beat()
                beaten = time.monotonic()
            time.sleep(LOOK)


def failed(assignment: Assignment, status: int) -> Failed:
    """The end of a training whose processes ended with an error: the last of what they printed."""
    with suppress(OSError):
        lines = [line for line in assignment.log.read_text("utf-8", "replace").splitlines() if line.strip()]
        told = _before_the_launcher(lines)[-LAST_LINES:]
        said = "\n  ".join(told or ["nothing"])
        return Failed(
            f"the processes of the training ended with status {status}; they said last:\n  {said}",
            f"all of it is in {assignment.log}; the same command goes on from the last checkpoint", "E802",
        )  # fmt: skip
    return Failed(f"the processes of the training ended with status {status}", "they wrote no log", "E802")


@contextmanager
def _started(assignment: Assignment) -> Iterator[subprocess.Popen[bytes]]:
    try:
        with assignment.log.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "cordspec_serving.keeper", *command(assignment)], stdin=subprocess.PIPE,
                stdout=log, stderr=subprocess.STDOUT, env=environment(assignment), start_new_session=True,
            )  # fmt: skip
    except OSError as error:
        raise Unavailable(f"the processes of a training cannot be started: {error}") from error
    try:
        yield process
    finally:
        assert process.stdin is not None
        process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            process.wait(GRACE)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _forget_after(assignment: Assignment) -> None:
    """Keep of earlier progress what the checkpoint knows of; the steps after it are taken again."""
    done = int(assignment.resumed.rpartition(PREFIX)[2]) if assignment.resumed else 0
    known: list[str] = []
    if done and assignment.progress.is_file():
        for line in assignment.progress.read_text(encoding="utf-8").splitlines():
            with suppress(ValueError):  # the last line may be torn
                if json.loads(line).get("step", done + 1) <= done:
                    known.append(line + "\n")
    assignment.progress.write_text("".join(known), encoding="utf-8")


def _whole_lines(lines: Any) -> Iterator[dict[str, Any]]:
    """The lines that are there; one that is being written waits for the next look."""
    while True:
        at = lines.tell()
        line = lines.readline()
        if not line.endswith("\n"):
            lines.seek(at)
            return
        yield json.loads(line)


def _before_the_launcher(lines: list[str]) -> list[str]:
    """What the processes printed, without the launcher's own account of their end."""
    at = next((at for at, line in enumerate(lines) if "ChildFailedError" in line or "failed (exitcode" in line), None)
    if at is None:
        return lines
    cut = lines[:at]
    while cut and not cut[-1].startswith(("[rank", "Traceback", " ")) and "torch/distributed" in cut[-1]:
        cut.pop()
    return cut


def join(work: Path) -> int:
    """Run the processes of another node of a training whose first node has begun it."""
    assignment = read_assignment(work / "assignment.json")
    return subprocess.run(command(assignment), env=environment(assignment), check=False).returncode


if __name__ == "__main__":
    raise SystemExit(join(Path(sys.argv[1])))
