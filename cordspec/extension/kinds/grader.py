"""`grader`: whether a final answer is right."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from cordspec.extension.component import Component, OptionsT


class Grader(Component[OptionsT]):
    """Compares what a model wrote after its thinking with the reference answer."""

    kind: ClassVar[str] = "grader"

    @abstractmethod
    def grade(self, written: str, reference: str) -> bool:
        """Whether ``written``, the text after the last ``</think>``, gives the reference answer."""

    def close(self) -> None:
        """Release what the grader holds; safe to call twice."""
