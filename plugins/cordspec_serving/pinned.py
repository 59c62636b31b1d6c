"""Names resolved once, looked at, and connected to as they were: aiohttp asks this and connects to what it says."""

from __future__ import annotations

import socket

from aiohttp.abc import ResolveResult
from aiohttp.resolver import ThreadedResolver

from cordspec_api.origins import refuse_credentials


class PinnedResolver(ThreadedResolver):
    """aiohttp's own resolver, but that addresses at which clouds hand out credentials are refused."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses of a host.

        Raises:
            Refused: one of them is never called.
        """
        found = await super().resolve(host, port, family)
        refuse_credentials(one["host"] for one in found)
        return found
