"""vLLM servers that cordspec starts: one process a replica on loopback, ended with cordspec whatever ends cordspec."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cordspec.plugin import Unavailable
from cordspec_api.address import Address
from cordspec_serving.backend import NotOffered
from cordspec_serving.connection import Connection

READY_WITHIN: Final = 1_800.0
"""Seconds for a server to load its weights; 32B parameters from a slow disk take a quarter of an hour."""
GRACE: Final = 15.0
LOOK: Final = 0.5
LAST_LINES: Final = 12


@dataclass(frozen=True, slots=True)
class Command:
    """How a server is started: the interpreter that has vLLM, and its arguments but for host and port."""

    python: str
    arguments: tuple[str, ...]
    environment: tuple[tuple[str, str], ...] = ()

    def line(self, port: int) -> list[str]:
        module = ["-m", "vllm.entrypoints.openai.api_server"]
        return [self.python, *module, "--host", "127.0.0.1", "--port", str(port), *self.arguments]


class Server:
    """One running server."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
        self._process = process
        self._log = log
        self.address = Address("vllm", f"http://127.0.0.1:{port}", "")

    async def ready(self) -> None:
        """Wait until it answers.

        Raises:
            Unavailable: it ended, or took too long.
        """
        connection = Connection(self.address)
        try:
            async with asyncio.timeout(READY_WITHIN):
                while not await self._answers(connection):
                    if self._process.poll() is not None:
                        raise Unavailable(f"a vLLM server ended while starting: {self.last_words()}", "look at its log")
                    await asyncio.sleep(LOOK)
        except TimeoutError:
            raise Unavailable(f"a vLLM server was not ready in {READY_WITHIN:g} s: {self.last_words()}") from None
        finally:
            await connection.close()

    def last_words(self) -> str:
        """The end of its log that says something."""
        lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()[-LAST_LINES:]
        errors = [line for line in lines if "Error" in line]
        said = " ".join((errors or lines or ["nothing"])[-1].split())
        return self.address.sanitised(said)

    async def stop(self) -> None:
        """End the server and all that it started: first asked, then made to."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            if self._process.poll() is None:
                _signal_group(self._process.pid, number)
                for _ in range(int(GRACE / LOOK)):
                    if self._process.poll() is not None:
                        break
                    await asyncio.sleep(LOOK)
        _signal_group(self._process.pid, signal.SIGKILL)  # what it left behind
        self._log.unlink(missing_ok=True)

    async def _answers(self, connection: Connection) -> bool:
        with socket.socket() as probe:
            probe.settimeout(1.0)
            port = int(self.address.url.rpartition(":")[2])
            if probe.connect_ex(("127.0.0.1", port)):
                return False
        try:
            await connection.get("/health")
        except (Unavailable, NotOffered):
            return False
        return True


def start(command: Command) -> Server:
    """Start a server on a free port.

    Raises:
        Unavailable: the interpreter is not there.
    """
    port = _free_port()
    handle, name = tempfile.mkstemp(prefix="cordspec-vllm-", suffix=".log")
    environment = {**os.environ, "VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1", **dict(command.environment)}
    try:
        with os.fdopen(handle, "wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "cordspec_vllm.keeper", *command.line(port)], stdin=subprocess.PIPE, stdout=log,
                stderr=subprocess.STDOUT, env=environment, start_new_session=True,
            )  # fmt: skip
    except OSError as error:
        raise Unavailable(f"{command.python} cannot be started: {error}") from error
    return Server(process, port, Path(name))


async def start_all(commands: Sequence[Command]) -> list[Server]:
    """Start servers side by side and wait for all of them; if one fails, the others are ended.

    Raises:
        Unavailable: one of them did not come up.
    """
    servers = [start(command) for command in commands]
    try:
        await asyncio.gather(*(server.ready() for server in servers))
    except BaseException:
        await asyncio.gather(*(server.stop() for server in servers))
        raise
    return servers


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def _signal_group(pid: int, number: int) -> None:
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):
        return
