"""`eval`: how a model is measured."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Annotated, Any, ClassVar, Protocol

from pydantic import Field
from typing_extensions import TypeVar

from cordspec.domain.draw import Draw
from cordspec.domain.inference import GenerateRequest
from cordspec.domain.intervals import mean_interval, share_interval
from cordspec.domain.problem import ProblemView
from cordspec.domain.verdict import Verdict
from cordspec.extension.component import Component, Context, EngineAccess
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
    """An estimate over ``n`` problems, ``samples`` draws each.

    ``standard_error`` is over problems: how far another set of such problems, drawn anew, may lead; None for one problem.
    ``draw_error`` is over draws: how far drawing the same problems anew may lead; None for one draw, or where it is not
    known. ``low`` and ``high`` are the ends of the 95 % interval over problems. ``k`` is that of pass@k, 0 for other metrics.
    """

    value: float
    standard_error: float | None
    n: int
    samples: int
    draw_error: float | None = None
    low: float | None = None
    high: float | None = None
    k: int = 0

    @classmethod
    def of_shares(cls, values: Sequence[float], samples: int, *, draw_error: float | None = None, k: int = 0) -> Metric:
        """The mean of a share in [0, 1] of every problem."""
        low, high = share_interval(values, samples) or (None, None)
        return cls(fmean(values), _error(values), len(values), samples, draw_error, low, high, k)

    @classmethod
    def of_means(cls, values: Sequence[float], samples: int) -> Metric:
        """The mean of a value of any size of every problem."""
        low, high = mean_interval(values) or (None, None)
        return cls(fmean(values), _error(values), len(values), samples, None, low, high)


def _error(values: Sequence[float]) -> float | None:
    return stdev(values) / math.sqrt(len(values)) if len(values) > 1 else None


class Judging(Protocol):
    """Compares answers with references by asking a model."""

    async def verdict(self, question: str, written: str, reference: str) -> Verdict:
        """What the model says of an answer; ``failed`` where what it says cannot be read."""
        ...


class Evaluator(Component[EvalOptionsT]):
    """Measures a model on problems. It sees questions only; the stage grades what comes back."""

    kind: ClassVar[str] = "eval"
    metric_names: ClassVar[tuple[str, ...]] = ()
    """The metrics that it gives; ``expect`` may name them. The first one is what a run's summary shows."""

    judging_options: ClassVar[tuple[str, ...]] = ()
    """Where a model judges: the options that decide what it says of an answer; every option where none is named.
    Evaluations in which they, or the models behind them, differ are not compared.
    """

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
        """The name of the grader that checks the answers; empty where a model judges them."""

    def judging(self, context: Context) -> Judging | None:
        """What checks the answers by asking a model, whose answers are kept like all others; None where a grader does."""
        return None

    @abstractmethod
    def metrics(self, graded: Sequence[Sequence[bool]]) -> Mapping[str, Metric]:
        """The metrics of all problems, from which of each problem's draws are right."""

    def measure(self, draws: Sequence[Sequence[Draw]]) -> Mapping[str, Metric]:
        """The metrics of all problems, from all that is known of each problem's draws but their texts."""
        return self.metrics([[draw.correct for draw in each] for each in draws])
