"""Where a service is and which key it takes: the operator's environment or configuration says so, never a spec."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from cordspec.plugin import Unavailable
from cordspec_api.operator import Operator
from cordspec_api.origins import refuse_literal

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
    """The addresses of a service's replicas from ``CORDSPEC_SERVICE_<NAME>_URL``, with commas between them, or from the
    operator's configuration. A key that the configuration binds to an origin is sent there and nowhere else; to others goes
    that of ``CORDSPEC_SERVICE_<NAME>_KEY``.

    Raises:
        Unavailable: there is no usable URL, or the key cannot be sent.
        Refused: the operator's configuration does not list an origin, or it is one that is never called.
    """
    prefix = f"CORDSPEC_SERVICE_{service.upper()}"
    operator = Operator.read()
    urls = [url.strip().rstrip("/") for url in os.environ.get(f"{prefix}_URL", "").split(",") if url.strip()]
    where = f"{prefix}_URL" if urls else f"`{service}` in {operator.path}"
    urls = urls or [url.strip().rstrip("/") for url in operator.services.get(service, ())]
    if not urls:
        raise Unavailable(
            f"no address is known for the service `{service}`",
            f"set {prefix}_URL to its base URL, such as https://host/v1, and {prefix}_KEY to its key if it takes one",
        )
    if not all(map(_is_base, urls)):
        raise Unavailable(
            f"{where} is no base URL: http or https with a host, without user, query or fragment",
            "write it like https://host/v1",
        )
    for url in urls:
        operator.admit(url)
        refuse_literal(url)
    given = os.environ.get(f"{prefix}_KEY", "").strip()
    found = [Address(service, url, given if (bound := operator.key_of(url)) is None else bound) for url in urls]
    for address in found:
        if not (address.key.isascii() and address.key.isprintable()) or " " in address.key:
            named = f"{prefix}_KEY" if address.key == given else "the key"
            raise Unavailable(f"{named} holds characters that no header can carry", "set it to the key alone")
    return tuple(found)


def _is_base(url: str) -> bool:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    wanted = parts.scheme in ("http", "https") and bool(host)
    return wanted and not (parts.username or parts.password or parts.query or parts.fragment)
