"""The training of a student."""

from __future__ import annotations

import asyncio
import json
import shutil
import time
from dataclasses import asdict
from pathlib import Path
from threading import Event

from cordspec.artifacts.store import write_text
from cordspec.extension.component import InvalidData
from cordspec.extension.kinds.trainer import TrainingJob, TrainingOutcome, TrainingStep
from cordspec.faultpoints import faultpoint
from cordspec.plan import Stage
from cordspec.run.events import StageProgress
from cordspec.run.seeds import derive
from cordspec.run.stages.contamination import screened
from cordspec.run.stages.lessons import NEEDED, examples_of, preferences_of
from cordspec.run.workshop import STUDENT_WEIGHTS, Workshop, component_errors, trainer_of

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
    data = dict(block.refs())[("data",)]
    with component_errors(block):
        trainer = trainer_of(block)
        examples = screened(shop, block, examples_of(shop, data), out) if trainer.wants == "solutions" else []
        pairs = screened(shop, block, preferences_of(shop, data), out) if trainer.wants == "pairs" else []
        if not examples and not pairs:
            raise InvalidData(f"`{data}` holds nothing to train on", NEEDED[trainer.wants])
        weights = shop.models.base(stage.block).weights_path()
        models = {
            ".".join(place): shop.models.component(ref.name).weights_path()
            for place, ref in block.refs()
            if place != ("init",) and "weights" in block.needs(place)
        }

        pace = Pace()

        def on_step(at: TrainingStep) -> None:
            if stopping.is_set():
                raise Stopped
            faultpoint("train.step")
            if at.steps:
                shop.observer.on_event(StageProgress(stage, at.step, at.steps, "steps", _detail(at, pace.left(at))))

        seed = derive(shop.experiment.options.seed, "train", stage.block)
        work = shop.directory.work(stage.id)
        job = TrainingJob(weights, examples, out / STUDENT_WEIGHTS, work, seed, on_step, tuple(pairs), models)
        faultpoint("train.begun")
        outcome = trainer.train(job)
    faultpoint("train.weights_written")
    write_text(out / TRAINING, json.dumps(asdict(outcome), indent=2, sort_keys=True) + "\n")
    for record in sorted(job.records.glob("*")):
        shutil.copyfile(record, out / record.name)
    return _summary(outcome)


class Pace:
    """How long the rest takes, at the pace since the first step that was told: a resumed training begins in the middle."""

    def __init__(self) -> None:
        self._first: tuple[int, float] | None = None

    def left(self, at: TrainingStep) -> float | None:
        """Seconds; None while only one step is known."""
        now = time.monotonic()
        if self._first is None:
            self._first = (at.step, now)
        step, since = self._first
        return (now - since) / (at.step - step) * (at.steps - at.step) if at.step > step else None


def _detail(at: TrainingStep, left: float | None) -> dict[str, float | str]:
    """What a display shows: loss in nats a token; tokens a second, padding left out; the time that is left."""
    shown: dict[str, float | str] = {} if at.loss is None else {"loss": round(at.loss, 4)}
    if at.tokens_per_second:
        shown["tok/s"] = round(at.tokens_per_second)
    if left is not None:
        shown["left"] = f"{left / 60:.0f} min" if left >= 90 else f"{left:.0f} s"
    return shown


def _summary(outcome: TrainingOutcome) -> str:
    logged = f"last loss {outcome.losses[-1]:.3f}" if outcome.losses else "nothing logged"
    return "; ".join([f"{outcome.examples} examples, {logged}", *outcome.remarks])
