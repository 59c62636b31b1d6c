"""What the whole decode costs, from the played searches and from what the probe itself spent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean

from cordspec.artifacts.probes import Costs, Measure
from cordspec.model import Experiment
from cordspec.plan import Graph
from cordspec.plan.assumptions import Assumptions
from cordspec.plan.estimate import Estimator
from cordspec.plan.machine import Gpu
from cordspec.run.ledger import Ledger, Spend
from cordspec.run.probing.predicting import ProblemForecast
from cordspec.run.probing.resampling import over_problems
from cordspec.run.probing.settings import ProbeSettings
from cordspec.run.probing.tree import ProblemProbe

WRITERS = ("teacher",)


def costs(
    forecasts: Sequence[ProblemForecast], probes: Sequence[ProblemProbe], ledger: Ledger, problems: int,
    hours: float | None, settings: ProbeSettings,
) -> Costs:  # fmt: skip
    """Tokens of the whole decode; ``hours`` are the arithmetic of its cluster, where it has one."""
    writing = ledger.roles["teacher"]
    judging = [spend for role, spend in ledger.roles.items() if role not in WRITERS]
    scorings = sum(_scorings(probe) for probe in probes)
    token = _each(writing.seconds, writing.generated_tokens)
    scoring = _each(sum(spend.seconds for spend in judging), scorings)
    scored_tokens = _each(sum(spend.scored_tokens + spend.generated_tokens for spend in judging), scorings)
    generated = over_problems([one.generated for one in forecasts], settings)
    scored = over_problems([one.scored * scored_tokens for one in forecasts], settings)
    if hours is None:
        seconds = [one.generated * token + one.scored * scoring for one in forecasts]
        busy = _times(over_problems(seconds, settings), problems / 3600)
        source = "measured: seconds per token and per score of this probe, on this machine"
    else:
        busy = _times(generated, hours / generated.value) if generated.value else generated
        source = f"arithmetic for {Gpu().name} on the cluster of the spec, with the measured lengths; not measured"
    return Costs(problems, _times(generated, problems), _times(scored, problems), busy, source)


def cluster_hours(
    experiment: Experiment, graph: Graph, decode: str, problems: int, probes: Sequence[ProblemProbe]
) -> float | None:
    """Hours of the decode on the cluster that the spec declares, from the lengths that were seen; None without one."""
    traces = [trace for probe in probes for trace in probe.traces if trace.trajectory.steps]
    if experiment.options.cluster is None or not traces:
        return None
    steps = max(1, round(fmean(len(trace.trajectory.steps) for trace in traces)))
    length = max(1, round(sum(trace.trajectory.tokens for trace in traces) / (steps * len(traces))))
    assumed = replace(Assumptions(), steps=steps, step_tokens=length)
    estimator = Estimator(experiment, lambda _: problems, assumed, Gpu())
    stages = estimator.stages(Graph(graph.experiment, (graph.of_block(decode),)))
    return stages[0].hours


def spent(ledger: Ledger) -> int:
    """Tokens that the probe generated and scored."""
    return sum(_tokens(spend) for spend in ledger.roles.values())


def _tokens(spend: Spend) -> int:
    return spend.generated_tokens + spend.scored_tokens


def _scorings(probe: ProblemProbe) -> int:
    return len(probe.traces) + sum(len(level.candidates) for level in probe.levels)


def _each(total: float, count: float) -> float:
    """Rounded, for seconds are added in the order in which answers arrive."""
    return round(total / count, 9) if count else 0.0


def _times(measure: Measure, factor: float) -> Measure:
    value, low, high = (None if end is None else end * factor for end in (measure.value, measure.low, measure.high))
    return Measure(value, low, high, measure.n, measure.problems)
