"""The files of a spec in the order in which they are read, each with the prefix that its names get."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from cordspec.syntax.nodes import Extends, File, Import, Text


@dataclass(frozen=True, slots=True)
class Loaded:
    """A file, and what names are prefixed with that it defines: empty, or the alias of an import and a dot."""

    file: File
    prefix: str


def real_path(name: str) -> str:
    """The file behind the name of a source, however it was written."""
    return os.path.realpath(name)


def target(path: Text, files: Mapping[str, File]) -> File | None:
    """The file that an ``import`` or ``extends`` leads to, where it was read."""
    here = Path(path.span.source.name).parent
    return None if "\x00" in path.value else files.get(real_path(str(here / path.value)))


def loaded(main: str, files: Mapping[str, File]) -> list[Loaded]:
    """A document and the files that it leads to, base before what is built on it; each once for each prefix."""
    return list(_load(files[main], "", files, [], set())) if main in files else []


def _load(
    file: File, prefix: str, files: Mapping[str, File], chain: list[File], done: set[tuple[str, str]]
) -> Iterator[Loaded]:
    done.add((file.span.source.name, prefix))
    aliases: set[str] = set()
    for item in file.items:
        inner = prefix
        if isinstance(item, Import):
            if item.alias.text in aliases:
                continue  # told as a mistake, and not read
            aliases.add(item.alias.text)
            inner = f"{prefix}{item.alias.text}."
        elif not isinstance(item, Extends):
            continue
        found = target(item.path, files)
        circle = found is None or found is file or any(found is one for one in chain)
        if found is not None and not circle and (found.span.source.name, inner) not in done:
            yield from _load(found, inner, files, [*chain, file], done)
    yield Loaded(file, prefix)
