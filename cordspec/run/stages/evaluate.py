"""The measuring of a model. The evaluator sees questions only; answers are compared here, afterwards."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from statistics import fmean

from cordspec.artifacts.ordered import OrderedFile
from cordspec.artifacts.records import PredictionRecord, to_lines
from cordspec.artifacts.store import write_text
from cordspec.domain.draw import Draw
from cordspec.domain.inference import GenerateRequest, Generation
from cordspec.domain.problem import Problem
from cordspec.domain.prompt import THINK_CLOSE
from cordspec.domain.verdict import Verdict
from cordspec.extension.component import EngineAccess
from cordspec.extension.kinds.evaluator import Evaluator, Judging, Metric
from cordspec.extension.kinds.grader import Grader
from cordspec.faultpoints import faultpoint
from cordspec.plan import Stage
from cordspec.run import judges
from cordspec.run.admission import Admission, Seat
from cordspec.run.asked import Asked
from cordspec.run.events import StageProgress
from cordspec.run.gather import gather
from cordspec.run.ledger import Ledger
from cordspec.run.seeds import derive
from cordspec.run.workshop import StageContext, Workshop, component_errors, grader_of

PREDICTIONS, METRICS, EVALUATION = "predictions.jsonl", "metrics.json", "evaluation.json"
EVALUATION_VERSION = 1
ANSWER_CHARACTERS = 200
"""Of a found answer, kept for a majority."""


async def evaluate(shop: Workshop, stage: Stage, out: Path) -> str:
    """Draw, grade and write predictions and metrics. Returns a summary.

    What a problem gave is written when it is done; only verdicts and lengths stay in memory.
    """
    block = shop.experiment.blocks[stage.block]
    assert block.component is not None and issubclass(block.component, Evaluator)
    refs = dict(block.refs())
    problems = shop.problems[refs[("problems",)].name]
    ledger, asked = Ledger(), Asked()
    with component_errors(block), ExitStack() as files:
        evaluator = block.component(block.options)
        engine = shop.models.view(refs[("model",)].name, "evaluated", ledger)
        context = StageContext(shop, ledger, block)
        files.callback(context.close)
        checks: Judging | Grader | None = evaluator.judging(context)
        checked_by, judge = judges.named(block), judges.identity(block, shop.graph.makeups[block.name])
        if checks is None:
            checks = grader_of(shop.registry, evaluator.grader, block)
            files.callback(checks.close)
            checked_by, judge = f"{checks.name} {checks.version}", {}
        checking = checks
        predictions = files.enter_context(OrderedFile(out / PREDICTIONS))
        admission = Admission(shop.experiment.options.in_flight)
        drawn: dict[int, list[Draw]] = {}
        shop.observer.on_event(StageProgress(stage, 0, len(problems), "problems"))

        @shop.models.gate.closed_by_failure
        async def one(place: int, problem: Problem, seat: Seat) -> None:
            requests = _requests(evaluator, problem, engine, shop.experiment.options.seed)
            asked.note(place, requests)
            answers = await gather(engine.generate(request) for request in requests)
            faultpoint("evaluate.drawn")
            verdicts = await gather(_verdict(problem, answer, checking) for answer in answers)
            graded = list(zip(answers, verdicts, strict=True))
            predictions.put(place, to_lines(_record(problem, sample, *each) for sample, each in enumerate(graded)))
            drawn[place] = [Draw(verdict, answer.tokens, answer.finish) for answer, verdict in graded]
            shop.observer.on_event(StageProgress(stage, len(drawn), len(problems), "problems"))

        await admission.each(problems, one)
        draws = [drawn[place] for place in range(len(problems))]
        metrics = evaluator.measure(draws)
    described = {"metrics": {name: asdict(metric) for name, metric in metrics.items()}, "ledger": ledger.as_dict()}
    write_text(out / METRICS, json.dumps(described, indent=2) + "\n")  # in the evaluator's order
    record = {
        "schema_version": EVALUATION_VERSION,
        "evaluator": f"{evaluator.name} {evaluator.version}",
        "checked_by": checked_by,
        "judge": judge,
        "asked": asked.as_dict(),
        "answers": answers_of(draws),
    }
    write_text(out / EVALUATION, json.dumps(record, indent=2, sort_keys=True, ensure_ascii=False) + "\n")
    name, metric = next(iter(metrics.items()))
    return f"{name} {_shown(metric)}"


def answers_of(draws: Sequence[Sequence[Draw]]) -> dict[str, object]:
    """What became of the draws: how many there are of each outcome, and by problem the shares that gave no answer and that
    were cut off at the limit of tokens, and their mean length.
    """
    samples = max(len(each) for each in draws)

    def share(of: list[list[bool]]) -> dict[str, object]:
        return asdict(Metric.of_shares([fmean(each) for each in of], samples))

    return {
        "outcomes": dict(Counter(draw.verdict.outcome for each in draws for draw in each)),
        "no_answer": share([[draw.verdict.outcome == "no answer" for draw in each] for each in draws]),
        "truncated": share([[draw.finish == "length" for draw in each] for each in draws]),
        "tokens": asdict(Metric.of_means([fmean(draw.tokens for draw in each) for each in draws], samples)),
    }


def _shown(metric: Metric) -> str:
    error = "" if metric.standard_error is None else f" ± {metric.standard_error:.3f}"
    return f"{metric.value:.3f}{error} (n = {metric.n} x {metric.samples})"


def _requests(evaluator: Evaluator, problem: Problem, engine: EngineAccess, seed: int) -> Sequence[GenerateRequest]:
    """The requests of one problem. Seeds do not depend on the model, so that two models face the same draws."""
    seeds = [derive(seed, "evaluate", problem.id, sample) for sample in range(evaluator.samples)]
    return evaluator.requests(problem.view, engine, seeds)


async def _verdict(problem: Problem, answer: Generation, checks: Judging | Grader) -> Verdict:
    """What comes after the last ``</think>`` is the answer, and without one there is none."""
    _, closed, written = answer.text.rpartition(THINK_CLOSE)
    if not closed:
        cut = "was cut off" if answer.finish == "length" else "ended"
        return Verdict.no_answer(f"it {cut} while thinking")
    if isinstance(checks, Grader):
        return checks.mark(problem, written)
    return await checks.verdict(problem.question, written, problem.answer)


def _record(problem: Problem, sample: int, answer: Generation, verdict: Verdict) -> PredictionRecord:
    return PredictionRecord(
        problem.id, sample, answer.text, answer.tokens, answer.finish, verdict.correct, verdict.outcome, verdict.score,
        verdict.answer[:ANSWER_CHARACTERS], verdict.reason,
    )  # fmt: skip
