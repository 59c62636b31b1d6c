"""`problems`: where questions and reference answers come from."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from typing import ClassVar

from cordspec.domain.problem import Problem
from cordspec.extension.component import Component, OptionsT


class ProblemSource(Component[OptionsT]):
    """A seeded, ordered source of problems. The same options give the same problems in the same order."""

    kind: ClassVar[str] = "problems"

    def fetch(self) -> None:
        """Bring what `load` reads onto this machine, where it is not here: the one place that may use a network.

        Only a run and a probe call it: checking and planning a spec fetch nothing.

        Raises:
            Unavailable: it cannot be had.
        """

    def revision(self) -> str:
        """The commit of what it reads, where others may change that; empty where the rows tell all.

        Raises:
            Unavailable: it cannot be found out here.
        """
        return ""

    @abstractmethod
    def load(self) -> Iterable[Problem]:
        """The problems, in order, from what is on this machine.

        Raises:
            InvalidData: a row is wrong, or there is none.
            Unavailable: the data cannot be had here.
        """
