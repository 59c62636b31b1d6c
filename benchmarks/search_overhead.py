"""What the searches themselves cost, without models: time of a decision, and memory of what they hold.

A decision is one `tell` with the `ask` that follows it. Beam: B = 4, K = 3, so 12 candidates, at a depth of 25 steps of 1,600
characters (400 tokens). Tree: at 1,000 nodes. Medians of CPU time in one process; the floor beside it is sorting as many
ready-made keys. The driver's events of the same waves are measured too.

Run by ``make bench``; prints a table in Markdown.
"""

from __future__ import annotations

import random
import statistics
import time
import tracemalloc

from cordspec.plugin import Expansion, Score, ScoredCandidate, SearchMachine, SearchSetting, Step
from cordspec_std.searches.beam import Beam, BeamOptions
from cordspec_std.searches.curation import Curation, CurationOptions
from cordspec_std.searches.mcts import Mcts, MctsMachine, MctsOptions

BODY = "x" * 1_600
TEACHERS = SearchSetting(teachers=3)


def step_of(expansion: Expansion, rng: random.Random, *, steps: int, finished: bool) -> ScoredCandidate:
    new = tuple(Step(f"\n### {rng.random()} {BODY}", ("t",), 400) for _ in range(steps))
    trajectory = expansion.prefix.extend(new, finished=finished)
    return ScoredCandidate((expansion.number,), expansion.teacher, trajectory, Score.of(rng.random()))


def decisions(machine: SearchMachine, steps: int, depth: int, most: int) -> list[float]:
    """Microseconds of each decision."""
    rng = random.Random(1)
    taken = []
    asked = machine.ask()
    while asked and len(taken) < most:
        answers = [
            step_of(one, rng, steps=max(1, steps - len(one.prefix.steps)) if one.extent == "trace" else 1,
                    finished=one.extent == "trace" or len(one.prefix.steps) + 1 >= depth)
            for one in asked
        ]  # fmt: skip
        begin = time.perf_counter_ns()
        machine.tell(answers, 1)
        asked = machine.ask()
        taken.append((time.perf_counter_ns() - begin) / 1_000)
    return taken


def nodes(machine: MctsMachine) -> int:
    count, pending = 0, [machine.root]
    while pending:
        node = pending.pop()
        count += 1
        pending += node.children.values()
    return count


def held(stored: int) -> int:
    """Bytes that a curation of so many candidates holds beside their texts, which all share."""
    rng = random.Random(2)
    machine = Curation(CurationOptions(traces_per_teacher=stored // 3)).start(TEACHERS)
    asked = machine.ask()
    tracemalloc.start()
    shared = (Step(f"\n{BODY}", ("t",), 400),)
    answers = []
    for one in asked:
        trajectory = one.prefix.extend(shared, finished=True)
        answers.append(ScoredCandidate((one.number,), one.teacher, trajectory, Score.of(rng.random())))
    machine.tell(answers, 1)
    size = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return size


def main() -> None:
    beam = [time for run in range(40) for time in decisions(Beam(BeamOptions(size=4)).start(TEACHERS), 1, 25, 25)[1:]]
    rows = [("beam, B = 4, K = 3, 12 candidates", f"{statistics.median(beam):.0f} µs", "50 µs")]
    tree = Mcts(MctsOptions(iterations=2_000, samples=3)).start(TEACHERS)
    taken = decisions(tree, 12, 12, 1_100)
    late = list(taken[900:])
    rows.append((f"mcts, {nodes(tree):,} nodes", f"{statistics.median(late):.0f} µs", "2,000 µs"))
    keys = [[(random.random(), 0.0, number) for number in range(16)] for _ in range(1_000)]
    begin = time.perf_counter_ns()
    for one in keys:
        sorted(one)
    floor = (time.perf_counter_ns() - begin) / 1_000 / len(keys)
    rows.append(("floor: sorting 16 ready keys", f"{floor:.1f} µs", ""))
    small, large = held(1_200), held(12_000)
    rows.append(("memory of 12,000 candidates beside 1,200", f"{large / small:.1f} times", "10 times"))
    rows.append(("bytes a candidate beside its text", f"{large / 12_000:.0f}", ""))
    print("| what | measured | bar |\n| --- | --- | --- |")
    for row in rows:
        print("| " + " | ".join(row) + " |")


if __name__ == "__main__":
    main()
