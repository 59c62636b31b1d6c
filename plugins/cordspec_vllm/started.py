"""A server that was started here, as a backend: closing it ends the process and frees its GPUs."""

from __future__ import annotations

from cordspec_serving.connection import Connection
from cordspec_vllm.http_backend import HttpBackend
from cordspec_vllm.placement import PLACEMENT
from cordspec_vllm.server import Server


class StartedBackend(HttpBackend):
    """A vLLM server with the process behind it."""

    def __init__(self, server: Server, gpus: tuple[str, ...]) -> None:
        super().__init__(Connection(server.address), server.name)
        self._server = server
        self._gpus = gpus

    async def close(self) -> None:
        await super().close()
        await self._server.stop()
        PLACEMENT.give_back(self._gpus)
