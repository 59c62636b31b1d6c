"""The training of a student."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from pathlib import Path
from threading import Event

from cordspec.artifacts.store import write_text
from cordspec.domain.problem import Solution
from cordspec.extension.component import InvalidData
from cordspec.extension.kinds.trainer import Trainer, TrainingExample
from cordspec.extension.options import Ref
from cordspec.plan import Stage
from cordspec.run.events import StageProgress
from cordspec.run.seeds import derive
from cordspec.run.stages.decode import traces_of
from cordspec.run.workshop import STUDENT_WEIGHTS, Workshop, component_errors

TRAINING = "training.json"


class Stopped(Exception):
    """The run is being stopped; raised inside the trainer at its next step."""


async def train(shop: Workshop, stage: Stage, out: Path) -> str:
    """Train one student and write its weights and what the trainer logged. Returns a summary.

    The trainer works in a thread of its own; a run that is stopped ends it at its next step.
    """
    stopping = Event()
    try:
        return await asyncio.to_thread(_train, shop, stage, out, stopping)
    except asyncio.CancelledError:
        stopping.set()
        raise


def _train(shop: Workshop, stage: Stage, out: Path, stopping: Event) -> str:
    block = shop.experiment.blocks[stage.block]
    assert block.component is not None and issubclass(block.component, Trainer)
    refs = dict(block.refs())
    examples = _examples(shop, refs[("data",)])
    with component_errors(block):
        trainer = block.component(block.options)
        if not examples:
            raise InvalidData(f"`{refs[('data',)]}` holds nothing to train on", "it needs traces or worked solutions")
        weights = shop.models.component(refs[("init",)].name).weights_path()

        def on_step(step: int, steps: int, loss: float) -> None:
            if stopping.is_set():
                raise Stopped
            shop.observer.on_event(StageProgress(stage, step, steps, "steps", {"loss": round(loss, 4)}))

        seed = derive(shop.experiment.options.seed, "train", stage.block)
        outcome = trainer.train(weights, examples, out / STUDENT_WEIGHTS, seed, on_step)
    write_text(out / TRAINING, json.dumps(asdict(outcome), indent=2, sort_keys=True) + "\n")
    return f"{outcome.examples} examples, last loss {outcome.losses[-1]:.3f}" if outcome.losses else "nothing logged"


def _examples(shop: Workshop, data: Ref) -> list[TrainingExample]:
    if data.kind == "problems":
        solved = [(problem.question, problem.solution) for problem in shop.problems[data.name]]
        return [TrainingExample(question, solution) for question, solution in solved if solution is not None]
    keep = shop.experiment.decode(data.name).keep
    return [
        TrainingExample(trace.question, Solution(trace.thinking, trace.answer))
        for trace in traces_of(shop, data.name)
        if trace.steps and (keep == "all" or trace.correct)
    ]
