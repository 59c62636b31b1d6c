"""Eight simulated GPUs, the paper's workload (25 steps of 400 tokens, B = 4, K = 3): real driver and searches.

    python benchmarks/simulated_cluster.py [--write] [--seeds N]

Four questions, for two placements of the three teachers:

- latency: one problem at a time, with a barrier after each wave and with certain commit; decisions must be the same;
- throughput: as many problems in flight as fit, begun one by one; problems an hour, and how busy the bottleneck is;
- entry: what it costs when problems are let in otherwise, as a run lets them in among others;
- curation with one, four and eight traces of each teacher, at equal tokens and at equal seconds (on straight lines between
  the measured sizes). It is given the better of two numbers of problems in flight.

No number here was measured on a GPU, and none is a claim about the paper's seconds. The bars were committed before the run
that is recorded; what misses one is said to.
"""

from __future__ import annotations

import statistics
import sys
import time
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

from cordspec import api
from cordspec.diagnostics import Source
from cordspec.run.simulating.measures import EngineUse, bottleneck, fitting, problems_an_hour, uses
from cordspec.run.simulating.settings import Entry, Placement, Settings
from cordspec.run.simulating.simulation import Simulated, simulate

ROOT = Path(__file__).parents[1]
RESULT = Path(__file__).parent / "results" / "simulated_cluster.md"

SEEDS = (1, 2, 3)
CVS = (0.3, 0.5, 0.7)
PAPER_CV = 0.5
ALONE = 8
"""Problems of a latency, one after the other."""
ROUNDS = 3
"""So many times the problems in flight are decoded for a throughput."""
TRACES = (1, 4, 8)
GUESSES = 4
CROWDS = (1.0, 1.5)
"""Problems in flight of a curation, in parts of those that fit."""
ENTRIES: tuple[Entry, ...] = ("one by one", "count", "memory")
"""Compared with the first seed alone: an entry that makes engines compute states again takes long to simulate."""

BUSY_BAR = 0.95
LATENCY_BAR = 1.12

PLACEMENTS = {
    "2 / 4 / 2": {"qwq": Placement(2), "r1": Placement(4), "phi4": Placement(2)},
    "2x2 / 2 / 2x1": {"qwq": Placement(2, 2), "r1": Placement(2), "phi4": Placement(1, 2)},
}


def experiment():
    spec = ROOT / "specs" / "hetero_beam4.cord"
    text = spec.read_text(encoding="utf-8")
    for each in TRACES:
        text += f"\nsearch best{each} : curation {{ traces_per_teacher = {each} }}"
        text += f"\ndecode curated{each} like traces {{ search = best{each} }}\n"
    found, diagnostics = api.resolve(Source(str(spec), text))
    assert found is not None, diagnostics
    return found


SPEC = experiment()


def decided(done: Simulated) -> list[list[object]]:
    return [[wave.decision for wave in one.record.waves] for one in done.problems]


def written(done: Simulated) -> int:
    return sum(engine.counters.generated for engine in done.engines.values())


@dataclass
class Latency:
    barrier: float
    certain: float
    guessing: float
    wasted: float

    @property
    def gain(self) -> float:
        return self.barrier / self.certain


def latency(settings: Settings) -> Latency:
    alone = replace(settings, problems=ALONE, in_flight=1)
    waiting = simulate(SPEC, "traces", replace(alone, eager=False))
    certain = simulate(SPEC, "traces", alone)
    guessing = simulate(SPEC, "traces", replace(alone, guesses=GUESSES))
    assert decided(waiting) == decided(certain) == decided(guessing), "a schedule changed a decision"
    assert written(waiting) == written(certain), "certain commit wasted tokens"
    seconds = [done.seconds / ALONE for done in (waiting, certain, guessing)]
    return Latency(*seconds, written(guessing) / written(waiting) - 1)


@dataclass
class Throughput:
    """``hourly`` between warm-up and tail; ``overall`` with both."""

    at_a_time: int
    problems: int
    hourly: float
    overall: float
    tokens: float
    each: list[EngineUse]

    @property
    def least_busy(self) -> EngineUse:
        """The least busy replica of the bottleneck."""
        name = bottleneck(self.each)
        return min((one for one in self.each if one.model == name), key=lambda one: one.shares.busy)


def throughput(decode: str, settings: Settings, crowd: float = 1.0) -> Throughput:
    fit = fitting(SPEC, decode, settings)
    most = 4_096 if settings.entry == "memory" else int(crowd * fit)
    done = simulate(SPEC, decode, replace(settings, problems=ROUNDS * fit, in_flight=most))
    each, problems = uses(done), ROUNDS * fit
    return Throughput(
        done.at_a_time,
        problems,
        problems_an_hour(done, each),
        3600 * problems / done.seconds,
        done.tokens / problems,
        each,
    )


def curated(count: int, settings: Settings) -> Throughput:
    """A curation with as many problems in flight as suit it."""
    found = [throughput(f"curated{count}", replace(settings, entry="count"), crowd) for crowd in CROWDS]
    return max(found, key=lambda one: one.hourly)


def mean(values: list[float], digits: int = 2) -> str:
    """A mean over seeds with its standard error."""
    error = statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else 0.0
    return f"{statistics.fmean(values):.{digits}f} ± {error:.{digits}f}"


def on_the_line(points: list[tuple[float, float]], x: float) -> float:
    """The value at ``x`` of straight lines through points, the outer ones carried on."""
    points = sorted(points)
    (x0, y0), (x1, y1) = next((pair for pair in pairwise(points) if x <= pair[1][0]), (points[-2], points[-1]))
    return y0 + (x - x0) * (y1 - y0) / (x1 - x0)


def table(head: list[str], rows: list[list[str]]) -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return ["| " + " | ".join(line) + " |" for line in lines] + [""]


def latencies(seeds: tuple[int, ...]) -> tuple[list[str], dict[str, float]]:
    rows, gains = [], {}
    for name, placements in PLACEMENTS.items():
        for cv in CVS:
            found = [latency(Settings(1, 1, seed=seed, cv=cv, placements=placements)) for seed in seeds]
            if cv == PAPER_CV:
                gains[name] = statistics.fmean(one.gain for one in found)
            rows.append([
                name, str(cv), mean([one.barrier for one in found], 0), mean([one.certain for one in found], 0),
                f"{mean([one.gain for one in found])}x", mean([one.guessing for one in found], 0),
                f"{mean([one.barrier / one.guessing for one in found])}x",
                f"{100 * statistics.fmean(one.wasted for one in found):.0f} %",
            ])  # fmt: skip
            print(rows[-1], file=sys.stderr, flush=True)
    head = [
        "GPUs of qwq / r1 / phi4",
        "CV",
        "barrier, s",
        "certain commit, s",
        "gain",
        "guessing too, s",
        "gain",
        "wasted",
    ]
    return table(head, rows), gains


def throughputs(seeds: tuple[int, ...]) -> tuple[list[str], dict[str, float]]:
    rows, busy, curations = [], {}, []
    for name, placements in PLACEMENTS.items():
        for cv in CVS:
            plain = Settings(1, 1, "one by one", cv=cv, placements=placements)
            found = [throughput("traces", replace(plain, seed=seed)) for seed in seeds]
            rows += [engine_row(name, cv, found, at) for at in range(len(found[0].each))]
            print(rows[-len(found[0].each) :], file=sys.stderr, flush=True)
            if cv == PAPER_CV:
                busy[name] = statistics.fmean(one.least_busy.shares.busy for one in found)
                curations += curation_rows(name, found, seeds)
    head = [
        "GPUs of qwq / r1 / phi4", "CV", "in flight", "problems/h", "engine", "computing", "batch", "saturated",
        "memory full", "busy", "busy, strictly", "memory held", "wait mean / p95, s", "prompt tokens / problem",
    ]  # fmt: skip
    lines = table(head, rows)
    head = [
        "GPUs of qwq / r1 / phi4", "decode", "in flight", "problems/h", "seconds / problem", "tokens / problem", "traces"
    ]  # fmt: skip
    return [*lines, "## Curation in the same simulator, CV 0.5", "", *table(head, curations)], busy


def entries() -> tuple[list[str], dict[str, float]]:
    rows, busy = [], {}
    for name, placements in PLACEMENTS.items():
        for entry in ENTRIES:
            one = throughput("traces", Settings(1, 1, entry, seed=SEEDS[0], placements=placements))
            if entry == "memory":
                busy[name] = one.least_busy.shares.busy
            computed = sum(use.computed for use in one.each) / one.problems
            rows.append([
                name if entry == ENTRIES[0] else "", entry, str(one.at_a_time), f"{one.overall:.0f}",
                f"{100 * one.least_busy.shares.busy:.0f} %", f"{computed:,.0f}",
            ])  # fmt: skip
            print(rows[-1], file=sys.stderr, flush=True)
    head = [
        "GPUs of qwq / r1 / phi4",
        "let in",
        "at a time",
        "problems/h",
        "bottleneck busy",
        "prompt tokens / problem",
    ]
    return table(head, rows), busy


def engine_row(name: str, cv: float, found: list[Throughput], at: int) -> list[str]:
    each = [one.each[at] for one in found]
    narrowest = any(bottleneck(one.each) == one.each[at].model for one in found)
    replica = f"{each[0].model} #{each[0].replica + 1}"
    shares = [one.shares for one in each]
    first = at == 0
    return [
        name if first else "", str(cv) if first else "",
        " ".join(str(one.at_a_time) for one in found) if first else "",
        mean([one.hourly for one in found], 0) if first else "",
        f"**{replica}**" if narrowest else replica,
        *(f"{100 * statistics.fmean(values):.0f} %" for values in ([s.working for s in shares],)),
        f"{statistics.fmean(s.batch for s in shares):.0f}",
        *(
            f"{100 * statistics.fmean(values):.0f} %"
            for values in (
                [s.saturated for s in shares], [s.full for s in shares], [s.busy for s in shares],
                [s.strictly_busy for s in shares], [s.held for s in shares],
            )
        ),
        f"{statistics.fmean(e.mean_wait for e in each):.1f} / {statistics.fmean(e.late_wait for e in each):.1f}",
        f"{statistics.fmean(e.computed / one.problems for e, one in zip(each, found, strict=True)):,.0f}",
    ]  # fmt: skip


def curation_rows(name: str, stepwise: list[Throughput], seeds: tuple[int, ...]) -> list[list[str]]:
    rows = [curation_row(name, "step-wise, B = 4", stepwise, "")]
    points: list[tuple[float, float, float]] = []
    for each in TRACES:
        found = [curated(each, Settings(1, 1, seed=seed, placements=PLACEMENTS[name])) for seed in seeds]
        rows.append(curation_row("", f"curation, {each} of each teacher", found, str(3 * each)))
        seconds = 3600 / statistics.fmean(one.hourly for one in found)
        points.append((3.0 * each, seconds, statistics.fmean(one.tokens for one in found)))
    seconds = 3600 / statistics.fmean(one.hourly for one in stepwise)
    tokens = statistics.fmean(one.tokens for one in stepwise)
    same_tokens = on_the_line([(t, s) for _, s, t in points], tokens)
    traces = on_the_line([(t, n) for n, _, t in points], tokens)
    rows.append([
        "", "curation at equal tokens", "", f"{3600 / same_tokens:.0f}",
        f"{same_tokens:.1f} ({same_tokens / seconds:.2f}x those of step-wise)", f"{tokens:,.0f}", f"{traces:.1f}",
    ])  # fmt: skip
    more = on_the_line([(s, t) for _, s, t in points], seconds)
    traces = on_the_line([(s, n) for n, s, _ in points], seconds)
    rows.append([
        "", "curation at equal seconds", "", f"{3600 / seconds:.0f}", f"{seconds:.1f}",
        f"{more:,.0f} ({more / tokens:.2f}x the tokens)", f"{traces:.1f}",
    ])  # fmt: skip
    return rows


def curation_row(name: str, what: str, found: list[Throughput], traces: str) -> list[str]:
    return [
        name, what, " ".join(str(one.at_a_time) for one in found), mean([one.hourly for one in found], 0),
        mean([3600 / one.hourly for one in found], 1), f"{statistics.fmean(one.tokens for one in found):,.0f}", traces,
    ]  # fmt: skip


def verdict(what: str, found: dict[str, float], bar: float) -> list[str]:
    return [
        f"- {what}, {name}: {value:.3f}, bar {bar}: {'reached' if value >= bar else '**missed**'}"
        for name, value in found.items()
    ]


def main() -> int:
    count = int(sys.argv[sys.argv.index("--seeds") + 1]) if "--seeds" in sys.argv else len(SEEDS)
    seeds = tuple(range(1, count + 1))
    begin = time.process_time()
    latency_lines, gains = latencies(seeds)
    throughput_lines, busy = throughputs(seeds)
    entry_lines, busy_as_run = entries()
    lines = [
        "<!-- `python benchmarks/simulated_cluster.py --write`, one thread, no GPU -->",
        "# Eight GPUs, simulated", "",
        "**Every number on this page is simulated.** The driver, the searches, the scorer, the segmenter, the gateways and"
        " the journal are the real ones; engines, texts and scores are made up (`docs/planning.md`). Workload: 25 steps of"
        " 400 tokens on the mean, lognormal, B = 4, K = 3; QwQ-32B, R1-Distill-Qwen-32B and Phi-4-reasoning-plus on H100s"
        f" of 80 GiB. Means over seeds {', '.join(map(str, seeds))} ± their standard error. CPU seconds of the page:"
        f" {time.process_time() - begin:.0f}.", "",
        "## Bars, set before the run", "",
        *verdict("latency with certain commit over barrier, CV 0.5", gains, LATENCY_BAR),
        *verdict("bottleneck busy, CV 0.5, problems begun one by one", busy, BUSY_BAR),
        *verdict("bottleneck busy, CV 0.5, problems let in as a run does", busy_as_run, BUSY_BAR), "",
        f"## One problem at a time (n = {ALONE} a seed)", "",
        "Decisions of all three schedules are the same, and certain commit generates not one token more (asserted). Guessing:"
        f" a teacher with fewer than {GUESSES} requests under way also begins what only may be needed.", "",
        *latency_lines,
        f"## As many in flight as fit (n = {ROUNDS} times those, a seed)", "",
        "Between warm-up and tail: from when a problem has ended, and as many have begun as ever were under way, to when the"
        " last one begins. *Saturated*: the batch writes at least nine tenths of the tokens a second of a full one, which is"
        " as many sequences of its mean length as fit without sharing. *Memory full*: states in use or used again later take"
        " at least nine tenths of the room; strictly, only those in use. *Busy*: either. Bold: the bottleneck, the model"
        " whose memory is the fullest; its least busy replica counts. Each problem begins when the one before it has told"
        " its first wave.", "",
        *throughput_lines,
        "Curation: all problems that fit begin at once, or half as many again, whichever gives more.", "",
        f"## How problems are let in, CV 0.5, seed {SEEDS[0]}", "",
        "The same problems. *count*: as many as fit, all at once; *memory*: as a run does. Problems an hour over the whole"
        " time, warm-up and tail included. Problems that begin together are at their largest together: states are given up"
        " and computed again. An engine that computes the same again and again is busy too: read both columns.", "",
        *entry_lines,
    ]  # fmt: skip
    print("\n".join(lines))
    if "--write" in sys.argv:
        RESULT.write_text("\n".join(lines), encoding="utf-8")
    values = [(gains, LATENCY_BAR), (busy, BUSY_BAR), (busy_as_run, BUSY_BAR)]
    return int(any(min(found.values()) < bar for found, bar in values))


if __name__ == "__main__":
    raise SystemExit(main())
