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

    @abstractmethod
    def load(self) -> Iterable[Problem]:
        """The problems, in order.

        Raises:
            InvalidData: a row is wrong, or there is none.
            Unavailable: the data cannot be had here.
        """
