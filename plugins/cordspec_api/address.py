"""Where a service is and which key it takes: the operator's environment says so, never a spec."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from cordspec.plugin import Unavailable

LONGEST_MESSAGE = 200
_KEY_LIKE = re.compile(r"\b(?:sk|key|pk)-\S+|\bBearer\s+\S+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Address:
    """The base URL of a service, such as ``https://host/v1``, and its key; the key is in no representation."""

    service: str
    url: str = field(repr=False)
    key: str = field(repr=False)

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"} if self.key else {}

    def sanitised(self, message: str) -> str:
        """One short line of what a server said, without the key: servers like to quote it."""
        known = message.replace(self.key, "[key]") if self.key else message
        plain = "".join(one if one.isprintable() else " " for one in _KEY_LIKE.sub("[key]", known))
        line = " ".join(plain.split())
        return line if len(line) <= LONGEST_MESSAGE else f"{line[:LONGEST_MESSAGE]}..."


def address_of(service: str) -> Address:
    """The one address of a service; see `addresses_of`.

    Raises:
        Unavailable: there is no usable URL, there are several, or the key cannot be sent.
    """
    found = addresses_of(service)
    if len(found) > 1:
        raise Unavailable(f"the service `{service}` has {len(found)} addresses, one is wanted", "name one URL")
    return found[0]


def addresses_of(service: str) -> tuple[Address, ...]:
    """The addresses of a service's replicas from ``CORDSPEC_SERVICE_<NAME>_URL``, with commas between them, and its key
    from ``CORDSPEC_SERVICE_<NAME>_KEY``.

    Raises:
        Unavailable: there is no usable URL, or the key cannot be sent.
    """
    prefix = f"CORDSPEC_SERVICE_{service.upper()}"
    urls = [url.strip().rstrip("/") for url in os.environ.get(f"{prefix}_URL", "").split(",") if url.strip()]
    if not urls:
        raise Unavailable(
            f"no address is known for the service `{service}`",
            f"set {prefix}_URL to its base URL, such as https://host/v1, and {prefix}_KEY to its key if it takes one",
        )
    if not all(map(_is_base, urls)):
        raise Unavailable(
            f"{prefix}_URL is no base URL: http or https with a host, without user, query or fragment",
            "write it like https://host/v1",
        )
    key = os.environ.get(f"{prefix}_KEY", "").strip()
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise Unavailable(f"{prefix}_KEY holds characters that no header can carry", "set it to the key alone")
    return tuple(Address(service, url, key) for url in urls)


def _is_base(url: str) -> bool:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    wanted = parts.scheme in ("http", "https") and bool(host)
    return wanted and not (parts.username or parts.password or parts.query or parts.fragment)
