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
from cordspec.domain.problem import Problem
from cordspec.domain.prompt import assistant_turn, prompt_text
from cordspec.extension.kinds.search import Search
from cordspec.plan import Stage
from cordspec.run.assembling import assemble
from cordspec.run.driver import SearchRecord, WaveRecord
from cordspec.run.events import StageProgress
from cordspec.run.gather import gather
from cordspec.run.ledger import Ledger
from cordspec.run.recording import candidate_records, trace_record
from cordspec.run.workshop import Workshop, component_errors, grader_of

TRACES, CANDIDATES, DATASET, LEDGER = "traces.jsonl", "candidates.jsonl", "dataset.jsonl", "ledger.json"
EVENTS = "events.jsonl"


async def decode(shop: Workshop, stage: Stage, out: Path) -> str:
    """Run the searches of all problems; write traces, candidates, events, training set, ledger. Returns a summary."""
    options = shop.experiment.decode(stage.block)
    problems = shop.problems[options.problems.name]
    ledger = Ledger()
    watch = _Watch(shop, stage, len(problems), ledger)
    watch.tell()
    driver, context = assemble(shop, stage.block, ledger, watch.on_wave)
    targets = target_tokens(shop, driver.search)
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


def target_tokens(shop: Workshop, search: Search) -> dict[str, int]:
    """Tokens to spend on each problem, for a search that is sized to another decode."""
    if search.matched is None:
        return {}
    return {trace.problem: trace.generated for trace in traces_of(shop, search.matched.name)}


def traces_of(shop: Workshop, block: str) -> list[TraceRecord]:
    """The traces of a finished decode."""
    path = shop.directory.stage(shop.graph.of_block(block).id) / TRACES
    return list(read_lines(path, TraceRecord))


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
