"""`eval`: how a model is measured."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from cordspec.domain.inference import GenerateRequest
from cordspec.domain.problem import ProblemView
from cordspec.extension.component import Component, EngineAccess, OptionsT


@dataclass(frozen=True, slots=True)
class Metric:
    """An estimate with its standard error over ``n`` problems (None for one), ``samples`` draws each."""

    value: float
    standard_error: float | None
    n: int
    samples: int


class Evaluator(Component[OptionsT]):
    """Measures a model on problems. It sees questions only; the stage grades what comes back."""

    kind: ClassVar[str] = "eval"

    @abstractmethod
    def requests(self, problem: ProblemView, engine: EngineAccess, seeds: Sequence[int]) -> Sequence[GenerateRequest]:
        """One request per seed."""

    @property
    @abstractmethod
    def samples(self) -> int:
        """How many draws each problem gets."""

    @property
    @abstractmethod
    def grader(self) -> str:
        """The name of the grader that checks the answers."""

    @abstractmethod
    def metrics(self, graded: Sequence[Sequence[bool]]) -> Mapping[str, Metric]:
        """The metrics of all problems, from each problem's graded draws."""
