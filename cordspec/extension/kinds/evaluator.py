"""`eval`: how a model is measured."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from pydantic import Field
from typing_extensions import TypeVar

from cordspec.domain.inference import GenerateRequest
from cordspec.domain.problem import ProblemView
from cordspec.extension.component import Component, EngineAccess
from cordspec.extension.options import Interval, NotIdentity, Options


class EvalOptions(Options):
    """What every evaluation may say beside what its evaluator wants."""

    expect: Annotated[dict[str, Interval], NotIdentity()] = Field(
        {},
        description="where each metric must lie, as in `pass_at_1 = 76%..83%`; a run outside of it ends with exit code 8",
    )


EvalOptionsT = TypeVar("EvalOptionsT", bound=EvalOptions, default=Any)


@dataclass(frozen=True, slots=True)
class Metric:
    """An estimate with its standard error over ``n`` problems (None for one), ``samples`` draws each."""

    value: float
    standard_error: float | None
    n: int
    samples: int


class Evaluator(Component[EvalOptionsT]):
    """Measures a model on problems. It sees questions only; the stage grades what comes back."""

    kind: ClassVar[str] = "eval"
    metric_names: ClassVar[tuple[str, ...]] = ()
    """The metrics that it gives; ``expect`` may name them."""

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
