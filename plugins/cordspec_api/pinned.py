"""Connections of httpx2 to the very addresses that were looked at, whatever their name resolves to a moment later."""

from __future__ import annotations

import asyncio
import logging
import socket

import httpx2

from cordspec_api.origins import refuse_credentials

for library in ("httpcore2", "httpx2"):
    logging.getLogger(library).setLevel(
        logging.WARNING
    )  # their debug lines show headers, and servers quote keys in theirs


class PinnedTransport(httpx2.AsyncHTTPTransport):
    """Resolves a host itself, refuses what must not be called, and connects to what is left, one address after the other.

    The certificate is checked against the name, and the `Host` header has it too.
    """

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """The response from the first address that takes a connection.

        Raises:
            Refused: the name leads to an address that is never called.
        """
        url = request.url
        found = await _resolved(url.host)
        refuse_credentials(found)
        request.extensions = {**request.extensions, "sni_hostname": url.host}
        for address in found[:-1]:
            request.url = url.copy_with(host=address)
            try:
                return await super().handle_async_request(request)
            except (httpx2.ConnectError, httpx2.ConnectTimeout):
                continue
        request.url = url.copy_with(host=found[-1])
        return await super().handle_async_request(request)


async def _resolved(host: str) -> list[str]:
    """The addresses of a host, each once, in the resolver's order."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise httpx2.ConnectError("the name cannot be resolved") from error
    return list(dict.fromkeys(str(one[4][0]) for one in found))
