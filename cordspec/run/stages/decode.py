"""The making of traces."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, field
from pathlib import Path

from cordspec.artifacts.events import to_event_lines
from cordspec.artifacts.records import TraceRecord, read_lines, to_lines
from cordspec.artifacts.store import write_text
from cordspec.domain.inference import Sampling
from cordspec.domain.problem import Problem
from cordspec.domain.prompt import assistant_turn, prompt_text
from cordspec.extension.kinds.scorer import Scorer
from cordspec.extension.kinds.search import Search
from cordspec.extension.kinds.segmenter import Segmenter
from cordspec.model.blocks import PoolOptions
from cordspec.plan import Stage
from cordspec.run.attendance import Attendance
from cordspec.run.driver import Driver, SearchRecord, WaveRecord
from cordspec.run.events import StageProgress
from cordspec.run.gather import gather
from cordspec.run.ledger import Ledger
from cordspec.run.recording import candidate_records, trace_record
from cordspec.run.teachers import Pool, Teacher
from cordspec.run.workshop import StageContext, Workshop, component_errors, grader_of

TRACES, CANDIDATES, DATASET, LEDGER = "traces.jsonl", "candidates.jsonl", "dataset.jsonl", "ledger.json"
EVENTS = "events.jsonl"


async def decode(shop: Workshop, stage: Stage, out: Path) -> str:
    """Run the searches of all problems; write traces, candidates, events, training set, ledger. Returns a summary."""
    options = shop.experiment.decode(stage.block)
    problems = shop.problems[options.problems.name]
    ledger = Ledger()
    watch = _Watch(shop, stage, len(problems), ledger)
    watch.tell()
    driver, context = _driver(shop, stage, ledger, watch)
    targets = _targets(shop, driver.search)
    slots = asyncio.Semaphore(shop.experiment.options.in_flight)
    grader = grader_of(shop.registry, options.grader, shop.experiment.blocks[stage.block])

    async def one(problem: Problem) -> tuple[TraceRecord, SearchRecord]:
        async with slots:
            record = await driver.decode(problem, targets[problem.id] if targets else None)
        trace = trace_record(record, grader)
        watch.on_problem(trace)
        return trace, record

    with component_errors(shop.experiment.blocks[stage.block]):
        try:
            made = await gather(one(problem) for problem in problems)
        finally:
            grader.close()
            context.close()
    traces = [trace for trace, _ in made]
    taught = [trace for trace in traces if trace.steps and (options.keep == "all" or trace.correct)]
    write_text(out / TRACES, to_lines(traces))
    write_text(out / CANDIDATES, to_lines(candidate for _, record in made for candidate in candidate_records(record)))
    write_text(out / EVENTS, to_event_lines(event for _, record in made for event in record.events))
    write_text(out / DATASET, to_lines(_messages(trace) for trace in taught))
    write_text(out / LEDGER, json.dumps(ledger.as_dict(), indent=2, sort_keys=True) + "\n")
    right = sum(trace.correct for trace in traces)
    return f"{right} of {len(traces)} traces end in the right answer"


def traces_of(shop: Workshop, block: str) -> list[TraceRecord]:
    """The traces of a finished decode."""
    path = shop.directory.stage(shop.graph.of_block(block).id) / TRACES
    return list(read_lines(path, TraceRecord))


def _driver(shop: Workshop, stage: Stage, ledger: Ledger, watch: _Watch) -> tuple[Driver, StageContext]:
    experiment = shop.experiment
    options = experiment.decode(stage.block)
    blocks = {kind: experiment.blocks[getattr(options, kind).name] for kind in ("segmenter", "scorer", "search")}
    segmenter_type, scorer_type, search_type = (blocks[kind].component for kind in blocks)
    assert segmenter_type is not None and issubclass(segmenter_type, Segmenter)
    assert scorer_type is not None and issubclass(scorer_type, Scorer)
    assert search_type is not None and issubclass(search_type, Search)
    with component_errors(blocks["segmenter"]):
        segmenter = segmenter_type(blocks["segmenter"].options)
    context = StageContext(shop, ledger, blocks["scorer"])
    with component_errors(blocks["scorer"]):
        scorer = scorer_type(blocks["scorer"].options, context)
    with component_errors(blocks["search"]):
        search = search_type(blocks["search"].options)
    teaching = experiment.pool(options.pool.name)
    attendance = Attendance(teaching.absence, teaching.patience, shop.models.journal)
    teachers = _teachers(shop, teaching, ledger)
    seed = experiment.options.seed
    pool = Pool(teachers, segmenter, options.budget, seed, attendance, teaching.weights or ())
    return Driver(pool, scorer, blocks["scorer"], search, watch.on_wave), context


def _teachers(shop: Workshop, pool: PoolOptions, ledger: Ledger) -> tuple[Teacher, ...]:
    """The teachers of a pool with their temperatures; a label is the model's name, with ``@T`` where that is not unique."""
    names = [ref.name for ref, _ in pool.members]
    teachers: list[Teacher] = []
    for (_, temperature), name in zip(pool.members, names, strict=True):
        label = name if names.count(name) == 1 else f"{name}@{temperature:g}"
        repeated = sum(teacher.label.split("#")[0] == label for teacher in teachers)
        label = f"{label}#{repeated + 1}" if repeated else label
        engine = shop.models.view(name, "teacher", ledger)
        teachers.append(Teacher(label, engine, Sampling(temperature, pool.top_p, pool.top_k)))
    return tuple(teachers)


def _targets(shop: Workshop, search: Search) -> dict[str, int]:
    """Tokens to spend on each problem, for a search that is sized to another decode."""
    if search.matched is None:
        return {}
    return {trace.problem: trace.generated for trace in traces_of(shop, search.matched.name)}


def _messages(trace: TraceRecord) -> dict[str, object]:
    """A training example in the ``messages`` form, with the authors of every step beside it."""
    turn = prompt_text(assistant_turn(trace.thinking, trace.answer))
    return {
        "problem": trace.problem,
        "messages": [{"role": "user", "content": trace.question}, {"role": "assistant", "content": turn}],
        "authors": [list(step.authors) for step in trace.steps],
        "correct": trace.correct,
    }


@dataclass(slots=True)
class _Watch:
    """Counts what the display shows."""

    shop: Workshop
    stage: Stage
    total: int
    ledger: Ledger
    done: int = 0
    waves: int = 0
    candidates: int = 0
    right: int = 0
    best: float = 0.0
    started: float = field(default_factory=time.monotonic)

    def on_wave(self, record: SearchRecord, wave: WaveRecord) -> None:
        self.waves += 1
        self.candidates += len(wave.candidates)
        scores = [one.scored.score.value for one in wave.candidates if one.scored.score is not None]
        self.best = max([self.best, *scores])
        self.tell()

    def on_problem(self, trace: TraceRecord) -> None:
        self.done += 1
        self.right += trace.correct
        self.tell()

    def tell(self) -> None:
        seconds = max(time.monotonic() - self.started, 1e-6)
        detail: dict[str, float | str] = {
            "waves": self.waves,
            "candidates/s": round(self.candidates / seconds, 1),
            "best score": round(self.best, 3),
            "right": self.right,
        }
        for role, spend in self.ledger.roles.items():
            detail[f"{role} tokens"] = spend.generated_tokens + spend.scored_tokens
        event = StageProgress(self.stage, self.done, self.total, "problems", detail)
        self.shop.observer.on_event(event)
