"""The operator's configuration: which origins may be called, and which key each of them is sent. A spec cannot add to it.

It is `$CORDSPEC_CONFIG`, else `~/.config/cordspec/operator.toml`, in TOML::

    [services]
    openai = ["https://api.example.com/v1"]

    [origins."https://api.example.com"]
    key_env = "EXAMPLE_KEY"      # or key_file = "/run/secrets/example"
"""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

from cordspec.plugin import Refused, Unavailable
from cordspec_api.origins import is_loopback, origin_of

VARIABLE: Final = "CORDSPEC_CONFIG"
LARGEST: Final = 64 * 1024
LARGEST_KEY: Final = 8 * 1024
_FIELDS: Final = {"key_env", "key_file"}


@dataclass(frozen=True, slots=True)
class Operator:
    """``origins`` maps each origin that may be called to where its key is: ``("key_env", NAME)``, ``("key_file", PATH)``
    or nothing. ``path`` is None where there is no configuration: then the environment alone says who is called.
    """

    path: Path | None = None
    services: dict[str, tuple[str, ...]] = field(default_factory=dict)
    origins: dict[str, tuple[str, str] | None] = field(default_factory=dict)

    @classmethod
    def read(cls) -> Self:
        """The configuration of whoever runs this process.

        Raises:
            Unavailable: it cannot be read, or holds something that is none.
        """
        named = os.environ.get(VARIABLE)
        base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
        path = Path(named) if named else Path(base) / "cordspec" / "operator.toml"
        if not named and not path.is_file():
            return cls()
        try:
            return cls._of(path, tomllib.loads(_text(path)))
        except (OSError, ValueError, TypeError, RecursionError) as error:
            said = error.strerror if isinstance(error, OSError) else str(error)
            raise Unavailable(
                f"the operator's configuration {path} cannot be used: {said}", "see SECURITY.md"
            ) from None

    @classmethod
    def _of(cls, path: Path, raw: dict[str, Any]) -> Self:
        _only(raw, {"services", "origins"}, "the file")
        services = {str(name): tuple(map(_url, urls)) for name, urls in raw.get("services", {}).items()}
        origins: dict[str, tuple[str, str] | None] = {}
        for url, about in raw.get("origins", {}).items():
            _only(about, _FIELDS, url)
            if len(about) > 1 or not all(isinstance(value, str) and value for value in about.values()):
                raise ValueError(f"`{url}` takes one of key_env and key_file, a text")
            origins[origin_of(url)] = next(iter(about.items()), None)
        return cls(path, services, origins)

    def admit(self, url: str) -> None:
        """Refuse a URL whose origin is not listed; this machine is always allowed.

        Raises:
            Refused: there is a configuration, and it does not list the origin.
        """
        origin = origin_of(url)
        if self.path is not None and origin not in self.origins and not is_loopback(url):
            raise Refused(
                f"{origin} is not among the origins of the operator's configuration",
                f'add [origins."{origin}"] to {self.path} if it may be called',
            )

    def key_of(self, url: str) -> str | None:
        """The key that is bound to a URL's origin; None where none is.

        Raises:
            Unavailable: it is not where the configuration says.
        """
        place = self.origins.get(origin_of(url))
        if place is None:
            return None
        how, where = place
        try:
            key = os.environ.get(where, "") if how == "key_env" else _text(Path(where).expanduser(), LARGEST_KEY)
        except (OSError, ValueError):
            key = ""
        if not key.strip():
            raise Unavailable(f"the key of {origin_of(url)} is not in {where}", f"see {self.path}")
        return key.strip()

    @property
    def key_variables(self) -> frozenset[str]:
        """The environment variables that hold keys."""
        return frozenset(place[1] for place in self.origins.values() if place and place[0] == "key_env")


def without_keys(environment: dict[str, str]) -> dict[str, str]:
    """An environment for a process that needs no key of ours."""
    try:
        named = Operator.read().key_variables
    except Unavailable:
        named = frozenset()
    ours = (name for name in environment if name.startswith("CORDSPEC_SERVICE_") and name.endswith("_KEY"))
    secret = named.union(ours)
    return {name: value for name, value in environment.items() if name not in secret}


def _text(path: Path, largest: int = LARGEST) -> str:
    if not path.is_file():
        raise ValueError("it is no file")
    with path.open("rb") as file:
        content = file.read(largest + 1)
    if len(content) > largest:
        raise ValueError(f"it is larger than {largest >> 10} KiB")
    return content.decode("utf-8")


def _url(url: object) -> str:
    if not isinstance(url, str):
        raise ValueError("the URLs of a service are texts in a list")
    return url


def _only(table: object, known: set[str], where: str) -> None:
    if not isinstance(table, dict) or not table.keys() <= known:
        raise ValueError(f"{where} takes {', '.join(sorted(known))} and nothing else")
