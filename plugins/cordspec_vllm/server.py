"""vLLM servers that cordspec starts: one process a replica on loopback, ended with cordspec whatever ends cordspec."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO, Final

from cordspec.plugin import Unavailable
from cordspec_api.address import Address
from cordspec_api.operator import without_keys
from cordspec_serving.backend import NotOffered
from cordspec_serving.connection import Connection

READY_WITHIN: Final = 1_800.0
"""Seconds for a server to load its weights; 32B parameters from a slow disk take a quarter of an hour."""
GRACE: Final = 15.0
LOOK: Final = 0.5
LAST_LINES: Final = 12
LAST_BYTES: Final = 16_384


@dataclass(frozen=True, slots=True)
class Command:
    """How a server is started: the interpreter that has vLLM, and its arguments but for host and port."""

    python: str
    arguments: tuple[str, ...]
    environment: tuple[tuple[str, str], ...] = ()

    def line(self, port: int, name: str) -> list[str]:
        module = ["-m", "vllm.entrypoints.openai.api_server"]
        where = ["--host", "127.0.0.1", "--port", str(port), "--served-model-name", name]
        return [self.python, *module, *where, *self.arguments]


class Server:
    """One running server. Its log is a file without a name, so that none is left behind.

    Args:
        name: the name of its model, which no other server has: another that takes the port first is found out by it.
    """

    def __init__(self, process: subprocess.Popen[bytes], port: int, name: str, log: IO[bytes]) -> None:
        self._process = process
        self.name = name
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
        size = os.fstat(self._log.fileno()).st_size
        end = os.pread(self._log.fileno(), LAST_BYTES, max(0, size - LAST_BYTES))  # moves nobody's place in it
        lines = end.decode("utf-8", "replace").splitlines()[-LAST_LINES:]
        errors = [line for line in lines if "Error" in line]
        said = " ".join((errors or lines or ["nothing"])[-1].split())
        return self.address.sanitised(said)

    async def stop(self) -> None:
        """End the server and all that it started: its keeper asks it first, and then makes it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        deadline = time.monotonic() + GRACE
        while self._process.poll() is None and time.monotonic() < deadline:
            await asyncio.sleep(LOOK)
        _kill_group(self._process.pid)  # what it left behind
        await asyncio.to_thread(self._process.wait)
        self._log.close()

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
        Unavailable: no process can be started.
    """
    port, model = _free_port(), f"model-{secrets.token_hex(8)}"
    log = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115  # it is read as long as the server runs
    environment = {
        **without_keys(dict(os.environ)),
        "VLLM_NO_USAGE_STATS": "1",
        "DO_NOT_TRACK": "1",
        **dict(command.environment),
    }
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", "cordspec_serving.keeper", *command.line(port, model)], stdin=subprocess.PIPE, stdout=log,
            stderr=subprocess.STDOUT, env=environment, start_new_session=True,
        )  # fmt: skip
    except OSError as error:
        log.close()
        raise Unavailable(f"a vLLM server cannot be started: {error}") from error
    return Server(process, port, model, log)


async def start_all(commands: Sequence[Command]) -> list[Server]:
    """Start servers side by side and wait for all of them; if one fails, the others are ended.

    Raises:
        Unavailable: one of them did not come up.
    """
    servers: list[Server] = []
    waiting: list[asyncio.Future[None]] = []
    try:
        for command in commands:
            servers.append(start(command))
        waiting += [asyncio.ensure_future(server.ready()) for server in servers]
        await asyncio.gather(*waiting)
    except BaseException:
        for one in waiting:
            one.cancel()
        await asyncio.gather(*(server.stop() for server in servers))
        raise
    return servers


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def _kill_group(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return
