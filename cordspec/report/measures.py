"""The numbers of a report, each computed in one place from the records."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean

from cordspec.report.load import DecodeView, EvalView, RunView
from cordspec.report.statistics import Comparison, Estimate, compare, estimate


def accuracy(decode: DecodeView) -> Estimate:
    """Share of problems whose trace ends in the right answer."""
    return estimate([float(trace.correct) for trace in decode.traces])


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
    """Every pair of arms on the same problems of which at least one is a decode or a student."""
    students_first = sorted(run.evals, key=lambda one: one.model_kind != "student")
    arms: list[DecodeView | EvalView] = [*run.decodes, *students_first]
    found = []
    for one, other in combinations(arms, 2):
        if one.problems == other.problems and (_of_interest(one) or _of_interest(other)):
            found.append(compare(one.name, other.name, per_problem(one), per_problem(other)))
    return found


def _of_interest(arm: DecodeView | EvalView) -> bool:
    return isinstance(arm, DecodeView) or arm.model_kind == "student"


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
            metric = one.metrics[name]
            value = Estimate(metric["value"], metric["standard_error"], int(metric["n"]))
            found.append(Expectation(one.name, name, low, high, value))
    return found


def violations(decode: DecodeView) -> dict[str, int]:
    """How often the segmenter had to mend something, by what it was."""
    counts: defaultdict[str, int] = defaultdict(int)
    for candidate in decode.candidates:
        for violation in candidate.violations:
            counts[violation] += 1
    return dict(sorted(counts.items()))
