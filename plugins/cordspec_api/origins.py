"""Whom cordspec may call at all: origins, and addresses at which no service of ours can be."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

from cordspec.plugin import Refused

PORTS: Final = {"http": 80, "https": 443}
CREDENTIALS: Final = tuple(
    map(
        ipaddress.ip_network,
        (
            "169.254.0.0/16", "fe80::/10",  # link-local: the metadata services of most clouds
            "fd00:ec2::254/128", "fd20:ce::254/128", "100.100.100.200/32", "168.63.129.16/32", "192.0.0.192/32",
        ),
    )
)  # fmt: skip
"""Where clouds hand out credentials and configuration to whoever asks from inside."""
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")


def origin_of(url: str) -> str:
    """Scheme, host and port of a URL, such as ``https://host:8000``; the port is left out where it is the scheme's.

    Raises:
        ValueError: the URL has no such parts.
    """
    parts = urlsplit(url)
    host, scheme, port = parts.hostname, parts.scheme.lower(), parts.port
    if scheme not in PORTS or not host:
        raise ValueError("http or https with a host is wanted")
    shown = f"[{host}]" if ":" in host else host.rstrip(".")
    return f"{scheme}://{shown}" + ("" if port in (None, PORTS[scheme]) else f":{port}")


def is_loopback(url: str) -> bool:
    """Whether a URL leads to this machine: by an address, or by `localhost`."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def refuse_credentials(addresses: Iterable[str]) -> None:
    """Refuse addresses at which clouds hand out credentials.

    Args:
        addresses: IP addresses as a socket takes them, in whatever spelling a resolver gave them.

    Raises:
        Refused: one of them is such an address.
    """
    for address in addresses:
        plain = _embedded(ipaddress.ip_address(address.partition("%")[0]))
        if any(plain in network for network in CREDENTIALS):
            raise Refused(
                f"a service leads to {plain}, where a cloud keeps credentials: it is never called",
                "look at the service's URL, and at what its name resolves to",
            )


def refuse_literal(url: str) -> None:
    """Refuse a URL whose host is such an address, spelt in any way that a socket understands; a name is not resolved.

    Raises:
        Refused: it is one.
    """
    host = urlsplit(url).hostname or ""
    try:
        found = socket.getaddrinfo(host, None, flags=socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        return
    refuse_credentials(str(one[4][0]) for one in found)


def _embedded(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """The IPv4 address in an IPv6 address that only wraps one."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    compatible = int(address) >> 32 == 0 and int(address) > 1
    inner = address.ipv4_mapped or address.sixtofour or (ipaddress.IPv4Address(int(address)) if compatible else None)
    return inner or address
