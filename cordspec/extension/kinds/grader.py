"""`grader`: whether a final answer is right."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from cordspec.domain.problem import Problem
from cordspec.domain.verdict import Verdict
from cordspec.extension.component import Component, OptionsT


class Grader(Component[OptionsT]):
    """Compares what a model wrote after its thinking with the reference answer."""

    kind: ClassVar[str] = "grader"
    sources: ClassVar[tuple[str, ...]] = ()
    """The problem sources whose problems it can grade; those of any where none is named."""

    @abstractmethod
    def grade(self, written: str, reference: str) -> bool:
        """Whether ``written``, the text after the last ``</think>``, gives the reference answer."""

    def verdict(self, written: str, reference: str) -> Verdict:
        """The same with more to it: parts of a point, why, and which answer was found."""
        return Verdict.of(self.grade(written, reference))

    def mark(self, problem: Problem, written: str) -> Verdict:
        """The same for a problem. A grader of one source's problems may need more of a problem than its answer."""
        return self.verdict(written, problem.answer)

    def close(self) -> None:
        """Release what the grader holds; safe to call twice."""


class VerdictGrader(Grader[OptionsT]):
    """A grader that says more than right or wrong."""

    def grade(self, written: str, reference: str) -> bool:
        return self.verdict(written, reference).correct

    @abstractmethod
    def verdict(self, written: str, reference: str) -> Verdict:
        """The outcome with its score, its reason and the answer that was found."""
