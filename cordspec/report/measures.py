"""The numbers of a report, each computed in one place from the records."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean
from typing import Any

from cordspec.report.comparable import Refused, refusal
from cordspec.report.load import DecodeView, EvalView, RunView
from cordspec.report.statistics import Comparison, Estimate, compare, estimate


def accuracy(decode: DecodeView) -> Estimate:
    """Share of problems whose trace ends in the right answer."""
    return estimate([float(trace.correct) for trace in decode.traces])


def not_graded(decode: DecodeView) -> int | None:
    """Traces on whose answer the grader failed, which count as wrong; None where an earlier version did not tell them."""
    if any(not trace.outcome for trace in decode.traces):
        return None
    return sum(trace.outcome == "failed" for trace in decode.traces)


def perplexities(decode: DecodeView) -> dict[str, Estimate]:
    """The guiding score at the end; before the last step and over all steps where every step was scored (paper.md 3); and
    the value at the end under a fixed prover, where the scorer has one beside the guiding one.
    """
    final = [trace.score for trace in decode.traces if trace.score is not None]
    every = [[step.score for step in trace.steps] for trace in decode.traces]
    scored = [[score for score in scores if score is not None] for scores in every if None not in scores]
    beside = [trace.reference_score for trace in decode.traces if trace.reference_score is not None]
    return {
        "score_reference": estimate(beside),
        "score_final": estimate(final),
        "score_before_last_step": estimate([scores[-2] for scores in scored if len(scores) > 1]),
        "score_mean_over_steps": estimate([fmean(scores) for scores in scored if scores]),
    }


def generated_tokens(decode: DecodeView) -> int:
    """Tokens that the teachers wrote for the search, whether kept or not; final answers are left out."""
    return sum(trace.generated for trace in decode.traces)


def kept_tokens(decode: DecodeView) -> int:
    """Tokens of the steps that stand in the chosen traces."""
    return sum(trace.thinking_tokens for trace in decode.traces)


def per_problem(arm: DecodeView | EvalView) -> dict[str, float]:
    """Right or wrong for each problem; the mean over draws in an evaluation."""
    if isinstance(arm, DecodeView):
        return {trace.problem: float(trace.correct) for trace in arm.traces}
    draws: defaultdict[str, list[bool]] = defaultdict(list)
    for prediction in arm.predictions:
        draws[prediction.problem].append(prediction.correct)
    return {problem: fmean(verdicts) for problem, verdicts in draws.items()}


def comparisons(run: RunView) -> list[Comparison]:
    """Every pair of comparable arms on the same problems of which at least one is a decode or a student."""
    pairs = [(one, other) for one, other in _pairs(run) if not refused_for(one, other)]
    return [compare(one.name, other.name, per_problem(one), per_problem(other)) for one, other in pairs]


def refused(run: RunView) -> list[Refused]:
    """The pairs that would be compared if they had been asked alike."""
    pairs = ((one, other, refused_for(one, other)) for one, other in _pairs(run))
    return [Refused(one.name, other.name, reason) for one, other, reason in pairs if reason]


def refused_for(one: DecodeView | EvalView, other: DecodeView | EvalView) -> str:
    """Why two arms are not compared. A decode gives one trace a problem, which may stand beside draws of any number."""
    return refusal(one, other) if isinstance(one, EvalView) and isinstance(other, EvalView) else ""


def _pairs(run: RunView) -> Iterator[tuple[DecodeView | EvalView, DecodeView | EvalView]]:
    students_first = sorted(run.evals, key=lambda one: one.model_kind != "student")
    arms: list[DecodeView | EvalView] = [*run.decodes, *students_first]
    for one, other in combinations(arms, 2):
        if one.problems == other.problems and (_of_interest(one) or _of_interest(other)):
            yield one, other


def _of_interest(arm: DecodeView | EvalView) -> bool:
    return isinstance(arm, DecodeView) or arm.model_kind == "student"


def of_metric(metric: dict[str, Any]) -> Estimate:
    """A stored metric."""
    return Estimate(metric["value"], metric["standard_error"], int(metric["n"]))


def shown_metrics(one: EvalView) -> dict[str, dict[str, Any]]:
    """The metrics of an evaluation by the names that a table shows: pass@k with its k, and without a `score` that is
    pass@1, since no grader gave a part of a point.
    """
    first, score = one.metrics.get("pass_at_1"), one.metrics.get("score")
    repeated = first is not None and score is not None and first["value"] == score["value"]
    shown = {name: metric for name, metric in one.metrics.items() if name != "score" or not repeated}
    return {_with_k(name, metric): metric for name, metric in shown.items()}


def _with_k(name: str, metric: dict[str, Any]) -> str:
    return f"{name.removesuffix('_k')}_{metric['k']}" if metric.get("k") and name.endswith("_k") else name


def interval(low: float | None, high: float | None) -> str:
    """The ends of a 95 % interval."""
    return "–" if low is None or high is None else f"{low:.3f} to {high:.3f}"


@dataclass(frozen=True, slots=True)
class Expectation:
    """A metric beside the range in which the spec expects it."""

    eval: str
    metric: str
    low: float
    high: float
    found: Estimate

    @property
    def holds(self) -> bool:
        return self.found.value is not None and self.low <= self.found.value <= self.high


def expectations(run: RunView) -> list[Expectation]:
    """Every ``expect`` of a run."""
    found = []
    for one in run.evals:
        for name, (low, high) in one.expect.items():
            value = of_metric(one.metrics[name])
            found.append(Expectation(one.name, name, low, high, value))
    return found


def violations(decode: DecodeView) -> dict[str, int]:
    """How often the segmenter had to mend something, by what it was."""
    counts: defaultdict[str, int] = defaultdict(int)
    for candidate in decode.candidates:
        for violation in candidate.violations:
            counts[violation] += 1
    return dict(sorted(counts.items()))
