"""Which installed plugins may be loaded. The operator decides; a spec, or a checkout, cannot."""

from __future__ import annotations

import os
import site
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Final, Self

from cordspec.extension.checkout import project_root

VARIABLE: Final = "CORDSPEC_PLUGINS"
"""`none`, or distributions separated by commas, each with ``==VERSION`` where only that one is meant. Unset allows all that
are installed: installing is the operator's act."""
OURS: Final = "cordspec"


@dataclass(frozen=True, slots=True)
class Policy:
    """``listed`` are the distributions that may be loaded beside our own; None for all that are installed."""

    listed: frozenset[str] | None = None

    @classmethod
    def of_operator(cls) -> Self:
        """As the environment says."""
        said = os.environ.get(VARIABLE)
        if said is None:
            return cls()
        names = (_normal(name) for name in said.split(",") if name.strip())
        return cls(frozenset(name for name in names if name != "none"))

    def allows(self, point: EntryPoint) -> bool:
        """Whether a plugin may be imported."""
        if self.listed is None or point.dist is None:
            return True
        name = _normal(point.dist.name)
        return name == OURS or name in self.listed or f"{name}=={point.dist.version}" in self.listed

    @staticmethod
    def installed(points: Iterable[EntryPoint]) -> Iterator[EntryPoint]:
        """The entry points of installed distributions, without any that merely lie in the project where this runs."""
        project = project_root(Path.cwd())
        installed = {Path(place).resolve() for place in (*site.getsitepackages(), site.getusersitepackages())}
        for point in points:
            home = Path(str(point.dist.locate_file(""))).resolve() if point.dist else None
            if home is None or home in installed or not home.is_relative_to(project):
                yield point


def _normal(name: str) -> str:
    """Names of distributions are compared without regard to case and to what joins their words."""
    return name.strip().lower().replace("_", "-").replace(".", "-") if "==" not in name else _pinned(name)


def _pinned(name: str) -> str:
    distribution, _, version = name.partition("==")
    return f"{_normal(distribution)}=={version.strip()}"
