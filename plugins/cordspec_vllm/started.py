"""A server that was started here, as a backend: closing it ends the process and frees its GPUs."""

from __future__ import annotations

from cordspec_serving.clocks import Clocks
from cordspec_serving.connection import Connection
from cordspec_vllm.http_backend import HttpBackend
from cordspec_vllm.placement import PLACEMENT
from cordspec_vllm.server import Server


class StartedBackend(HttpBackend):
    """A vLLM server with the process behind it."""

    def __init__(self, server: Server, gpus: tuple[str, ...], clocks: Clocks) -> None:
        super().__init__(Connection(server.address, clocks), server.name)
        self._server = server
        self._gpus = gpus

    async def serves(self) -> tuple[str, ...]:
        return (await super().serves())[1:]  # its name is made up anew for each server

    async def close(self) -> None:
        await super().close()
        await self._server.stop()
        PLACEMENT.give_back(self._gpus)
