"""The measuring of a model. The evaluator sees questions only; answers are compared here, afterwards."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from cordspec.artifacts.records import PredictionRecord, to_lines
from cordspec.artifacts.store import write_text
from cordspec.domain.inference import GenerateRequest, Generation
from cordspec.domain.problem import Problem
from cordspec.domain.prompt import THINK_CLOSE
from cordspec.extension.component import EngineAccess
from cordspec.extension.kinds.evaluator import Evaluator, Metric
from cordspec.extension.kinds.grader import Grader
from cordspec.plan import Stage
from cordspec.run.admission import Admission, Seat
from cordspec.run.events import StageProgress
from cordspec.run.gather import gather
from cordspec.run.ledger import Ledger
from cordspec.run.seeds import derive
from cordspec.run.workshop import Workshop, component_errors, grader_of

PREDICTIONS, METRICS = "predictions.jsonl", "metrics.json"


async def evaluate(shop: Workshop, stage: Stage, out: Path) -> str:
    """Draw, grade and write predictions and metrics. Returns a summary."""
    block = shop.experiment.blocks[stage.block]
    assert block.component is not None and issubclass(block.component, Evaluator)
    refs = dict(block.refs())
    problems = shop.problems[refs[("problems",)].name]
    ledger = Ledger()
    with component_errors(block):
        evaluator = block.component(block.options)
        engine = shop.models.view(refs[("model",)].name, "evaluated", ledger)
        grader = grader_of(shop.registry, evaluator.grader, block)
        admission = Admission(shop.experiment.options.in_flight)
        drawn: dict[int, list[PredictionRecord]] = {}
        done = 0
        shop.observer.on_event(StageProgress(stage, done, len(problems), "problems"))

        async def one(place: int, problem: Problem, seat: Seat) -> None:
            nonlocal done
            requests = _requests(evaluator, problem, engine, shop.experiment.options.seed)
            answers = await gather(engine.generate(request) for request in requests)
            done += 1
            shop.observer.on_event(StageProgress(stage, done, len(problems), "problems"))
            drawn[place] = [_graded(problem, sample, answer, grader) for sample, answer in enumerate(answers)]

        try:
            await admission.each(problems, one)
        finally:
            grader.close()
        predictions = [drawn[place] for place in range(len(problems))]
        metrics = evaluator.metrics([[draw.correct for draw in draws] for draws in predictions])
    write_text(out / PREDICTIONS, to_lines(draw for draws in predictions for draw in draws))
    described = {"metrics": {name: asdict(metric) for name, metric in metrics.items()}, "ledger": ledger.as_dict()}
    write_text(out / METRICS, json.dumps(described, indent=2, sort_keys=True) + "\n")
    return ", ".join(f"{name} {_shown(metric)}" for name, metric in metrics.items())


def _shown(metric: Metric) -> str:
    error = "" if metric.standard_error is None else f" ± {metric.standard_error:.3f}"
    return f"{metric.value:.3f}{error} (n = {metric.n} x {metric.samples})"


def _requests(evaluator: Evaluator, problem: Problem, engine: EngineAccess, seed: int) -> Sequence[GenerateRequest]:
    """The requests of one problem. Seeds do not depend on the model, so that two models face the same draws."""
    seeds = [derive(seed, "evaluate", problem.id, sample) for sample in range(evaluator.samples)]
    return evaluator.requests(problem.view, engine, seeds)


def _graded(problem: Problem, sample: int, answer: Generation, grader: Grader) -> PredictionRecord:
    """The draw with its verdict; what comes after the last ``</think>`` is the answer, and without one there is none."""
    _, closed, written = answer.text.rpartition(THINK_CLOSE)
    correct = bool(closed) and grader.grade(written, problem.answer)
    return PredictionRecord(problem.id, sample, answer.text, answer.tokens, answer.finish, correct)
