"""The making of traces."""

from __future__ import annotations

import json
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from cordspec.artifacts.events import to_event_lines
from cordspec.artifacts.manifest import ProblemCount
from cordspec.artifacts.ordered import OrderedFile
from cordspec.artifacts.records import CandidateRecord, TraceRecord, read_lines, to_lines
from cordspec.artifacts.store import write_text
from cordspec.domain.problem import Problem
from cordspec.domain.prompt import assistant_turn, prompt_text
from cordspec.extension.kinds.search import Search
from cordspec.faultpoints import faultpoint
from cordspec.model.blocks import Budget
from cordspec.plan import Stage
from cordspec.run.admission import Admission, Seat
from cordspec.run.assembling import assemble
from cordspec.run.censoring import Censoring
from cordspec.run.decisions import Decisions
from cordspec.run.driver import SearchRecord, WaveRecord
from cordspec.run.engine_use import EngineUse
from cordspec.run.events import StageProgress, Warned
from cordspec.run.ledger import Ledger
from cordspec.run.quarantine import Quarantine
from cordspec.run.recording import candidate_records, trace_record
from cordspec.run.rehearsal import rehearse
from cordspec.run.tally import Outcome, Tally, outcome_of
from cordspec.run.workshop import Workshop, component_errors, grader_of

TRACES, CANDIDATES, DATASET, LEDGER = "traces.jsonl", "candidates.jsonl", "dataset.jsonl", "ledger.json"
EVENTS, ENGINES = "events.jsonl", "engines.json"


async def decode(shop: Workshop, stage: Stage, out: Path) -> str:
    """Run the searches of all problems; write traces, candidates, events, training set, costs. Returns a summary.

    What a problem gave is written when it is done and then forgotten, so memory does not grow with their number.
    """
    options = shop.experiment.decode(stage.block)
    problems = shop.problems[options.problems.name]
    ledger = Ledger()
    use = EngineUse(shop.models.gateways, shop.models.all_gateways)
    tally = shop.tallies[stage.block] = Tally(problem.id for problem in problems)
    watch = _Watch(shop, stage, len(problems), ledger, tally)
    pool = shop.experiment.blocks[options.pool.name]
    censoring = watch.censoring = Censoring(shop.experiment.pool(options.pool.name).censoring, pool.span)
    watch.tell()
    quarantine = Quarantine(shop.models.committer, stage.id, problems, shop.crashes)
    decisions = Decisions(stage.id, shop.models.committer)

    def on_wave(record: SearchRecord, wave: WaveRecord) -> None:
        decisions.keep(record.problem.id, wave.decision)
        watch.on_wave(record, wave)

    driver, context = assemble(shop, stage.block, ledger, on_wave)
    admission = watch.admission = Admission(
        shop.experiment.options.in_flight,
        use.room,
        largest_need(driver.search, len(driver.pool.teachers), options.budget),
    )
    targets = target_tokens(shop, driver.search)
    grader = grader_of(shop.registry, options.grader, shop.experiment.blocks[stage.block])
    with ExitStack() as files, component_errors(shop.experiment.blocks[stage.block]):
        files.callback(context.close)
        files.callback(grader.close)
        written = _Written.into(out, files)

        async def searched(problem: Problem) -> tuple[SearchRecord, Outcome]:
            if problem.id in quarantine.aside:
                return SearchRecord(problem), "quarantined"
            await quarantine.begin(problem.id)
            record = await driver.decode(problem, targets[problem.id] if targets else None)
            censoring.note_answer(record)
            quarantine.end(problem.id)
            return record, outcome_of(record)

        @shop.models.gate.closed_by_failure
        async def one(place: int, problem: Problem, seat: Seat) -> None:
            watch.seats[problem.id] = seat
            record, outcome = await searched(problem)
            trace = trace_record(record, grader)
            written.put(place, record, trace, teach=bool(trace.steps) and (options.keep == "all" or trace.correct))
            faultpoint("decode.problem_written")
            tally.ended(problem.id, outcome, closed=trace.forced, graded=trace.outcome != "failed")
            watch.on_problem(trace)

        await rehearse(shop, stage.block, problems)
        placed = list(enumerate(problems))
        for place, problem in placed:
            if problem.id in quarantine.alone:
                await one(place, problem, Seat())
        together = [(place, problem) for place, problem in placed if problem.id not in quarantine.alone]
        await admission.each(together, lambda _, placed, seat: one(*placed, seat))
        censoring.finish()
    if quarantine.aside:
        shop.observer.on_event(Warned((quarantine.warning(),)))
    tally.write(out)
    write_text(out / LEDGER, json.dumps(ledger.as_dict(), indent=2, sort_keys=True) + "\n")
    used = {"engines": use.as_dict(), "problems_at_a_time": admission.peak, "teachers": censoring.as_dict()}
    write_text(out / ENGINES, json.dumps(used, indent=2, sort_keys=True) + "\n")
    return _summary(watch.right, tally.count())


def _summary(right: int, count: ProblemCount) -> str:
    """What became of a decode, in a line; what is rare is said where there is any."""
    said = [f"{right} of {count.input} traces end in the right answer"]
    said += [f"{count.not_graded} could not be graded"] if count.not_graded else []
    said += [f"{count.quarantined} problems were set aside"] if count.quarantined else []
    return ", ".join(said)


@dataclass(frozen=True, slots=True)
class _Written:
    """What problems gave, in files in the order of the problems."""

    traces: OrderedFile
    candidates: OrderedFile
    events: OrderedFile
    dataset: OrderedFile

    @classmethod
    def into(cls, out: Path, files: ExitStack) -> _Written:
        names = (TRACES, CANDIDATES, EVENTS, DATASET)
        return cls(*(files.enter_context(OrderedFile(out / name)) for name in names))

    def put(self, place: int, record: SearchRecord, trace: TraceRecord, *, teach: bool) -> None:
        """One problem; ``teach`` puts its trace into the training set."""
        self.traces.put(place, to_lines([trace]))
        self.candidates.put(place, to_lines(candidate_records(record)))
        self.events.put(place, to_event_lines(record.events))
        self.dataset.put(place, to_lines([_messages(trace)] if teach else []))


def largest_need(search: Search, teachers: int, budget: Budget) -> int:
    """The tokens of a problem whose kept prefixes are as long as the budget allows and share nothing."""
    waves = search.waves(budget.steps, teachers)
    return budget.thinking * max((wave.kept for wave in waves or ()), default=teachers)


def target_tokens(shop: Workshop, search: Search) -> dict[str, int]:
    """Tokens to spend on each problem, for a search that is sized to another decode."""
    if search.matched is None:
        return {}
    return {trace.problem: trace.generated for trace in traces_of(shop, search.matched.name)}


def traces_of(shop: Workshop, block: str) -> list[TraceRecord]:
    """The traces of a finished decode."""
    path = shop.directory.stage(shop.graph.of_block(block).id) / TRACES
    return list(read_lines(path, TraceRecord))


def candidates_of(shop: Workshop, block: str) -> list[CandidateRecord]:
    """The candidates of a finished decode, in the order in which they were proposed."""
    path = shop.directory.stage(shop.graph.of_block(block).id) / CANDIDATES
    return list(read_lines(path, CandidateRecord))


def _messages(trace: TraceRecord) -> dict[str, object]:
    """A training example in the ``messages`` form, with the authors of every step beside it."""
    turn = prompt_text(assistant_turn(trace.thinking, trace.answer))
    return {
        "problem": trace.problem,
        "messages": [{"role": "user", "content": trace.question}, {"role": "assistant", "content": turn}],
        "authors": [list(step.authors) for step in trace.steps],
        "correct": trace.correct,
    }


def resident(wave: WaveRecord) -> int:
    """The tokens that one engine holds for a problem after a wave: the question, the kept prefixes with what they share
    counted once, and the step of each that is being written.
    """
    first = next((call for one in wave.answered for call in one.calls.made), None)
    if first is None:
        return 0
    kept = [one.trajectory for one in wave.decision.kept]
    steps = {id(step): step.tokens for trajectory in kept for step in trajectory.steps}
    question = first.prompt_tokens - wave.answered[0].expansion.prefix.tokens
    return max(0, question) + sum(steps.values()) + sum(one.steps[-1].tokens for one in kept if one.steps)


@dataclass(slots=True)
class _Watch:
    """Counts what the display shows."""

    shop: Workshop
    stage: Stage
    total: int
    ledger: Ledger
    tally: Tally
    admission: Admission = field(default_factory=lambda: Admission(1))
    censoring: Censoring = field(default_factory=lambda: Censoring(1.0, None))
    seats: dict[str, Seat] = field(default_factory=dict)
    done: int = 0
    waves: int = 0
    candidates: int = 0
    right: int = 0
    best: float = 0.0
    started: float = field(default_factory=time.monotonic)

    def on_wave(self, record: SearchRecord, wave: WaveRecord) -> None:
        self.censoring.note_wave(wave)
        self.waves += 1
        self.candidates += len(wave.candidates)
        scores = [one.scored.score.value for one in wave.candidates if one.scored.score is not None]
        self.best = max([self.best, *scores])
        self.seats[record.problem.id].holds(resident(wave))
        self.admission.look()
        self.tell()

    def on_problem(self, trace: TraceRecord) -> None:
        self.seats.pop(trace.problem, None)
        self.done += 1
        self.right += trace.correct
        self.tell()

    def tell(self) -> None:
        seconds, count = max(time.monotonic() - self.started, 1e-6), self.tally.count()
        detail: dict[str, float | str] = {
            "waves": self.waves,
            "candidates/s": round(self.candidates / seconds, 1),
            "best score": round(self.best, 3),
            "right": self.right,
        }
        if count.not_graded:
            detail["not graded"] = count.not_graded
        for role, spend in self.ledger.roles.items():
            detail[f"{role} tokens"] = spend.generated_tokens + spend.scored_tokens
        event = StageProgress(self.stage, self.done, self.total, "problems", detail, self._counts(count))
        self.shop.observer.on_event(event)

    def _counts(self, count: ProblemCount) -> dict[str, int]:
        spends = self.ledger.roles.values()
        return {
            "done": count.done,
            "failed": sum(count.failed.values()),
            "quarantined": count.quarantined,
            "pending": count.pending,
            "waves": self.waves,
            "calls": sum(spend.calls for spend in spends),
            "asked": sum(spend.calls - spend.remembered for spend in spends),
            "tokens": sum(spend.generated_tokens + spend.scored_tokens for spend in spends),
        }
