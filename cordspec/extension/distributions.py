"""Which distribution a component comes from: its name, its version, and a hash of its files, as far as they are recorded."""

from __future__ import annotations

import hashlib
import json
from importlib.metadata import Distribution, PackagePath
from typing import Final

_HASH: Final = " sha256:"
_INSTALLERS: Final = frozenset({"INSTALLER", "REQUESTED", "RECORD", "direct_url.json"})
"""What the installer writes, not the wheel."""


def described(distribution: Distribution) -> str:
    """Name and version, with the hash where there is one, as ``some-plugin 1.2 sha256:...``."""
    files = _recorded(distribution)
    return f"{distribution.name} {distribution.version}" + (f"{_HASH}{files}" if files else "")


def named(description: str) -> str:
    """Name and version alone."""
    return description.partition(_HASH)[0]


def alike(one: str, other: str) -> bool:
    """Whether two descriptions may be of the same files: a hash that one of them lacks tells nothing."""
    (name, _, files), (other_name, _, other_files) = one.partition(_HASH), other.partition(_HASH)
    return name == other_name and (files == other_files or not (files and other_files))


def _recorded(distribution: Distribution) -> str:
    """The hash over the names and hashes of the files that the wheel brought; empty where none are recorded, as in
    installations that only point to a checkout.
    """
    if json.loads(distribution.read_text("direct_url.json") or "{}").get("dir_info", {}).get("editable"):
        return ""
    files = {str(one): one.hash.value for one in distribution.files or () if one.hash is not None and _brought(one)}
    return hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest() if files else ""


def _brought(file: PackagePath) -> bool:
    return file.parts[0] != ".." and not (file.parent.suffix == ".dist-info" and file.name in _INSTALLERS)
