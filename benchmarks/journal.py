"""What durability costs: the journal's share of a run, bytes a candidate, opening one of the paper's size (`make bench`).

Targets, stated before the run: at most 3 % of the wall time of the quickstart (what the event loop spends inside the journal;
its writer's thread, and whole runs with and without a journal in turn, are told beside it), 0.1 % at the paper's rate (a
problem's commits simulated, their cost measured), 1.2 KB a candidate beside its text, and 30 s to open 820,000 rows (1,000
problems at B = 4, K = 3, 35 steps; synthetic texts).
"""

from __future__ import annotations

import json
import tempfile
import threading
import time
from contextlib import ExitStack, closing
from pathlib import Path
from random import Random
from statistics import median
from unittest import mock

from cordspec import api
from cordspec.journal import Journal
from cordspec.run.simulating.settings import Settings
from cordspec.run.simulating.simulation import simulate

ROOT = Path(__file__).parents[1]
TARGETS = {"quickstart_share": 0.03, "paper_share": 0.001, "bytes_a_candidate": 1_200, "open_seconds": 30.0}
ROWS = 820_000
PROBLEMS, IN_FLIGHT, ROWS_A_COMMIT = 32, 16, 8
"""Of the simulated run; the commits whose cost is measured hold so many rows."""
PAIRS = 2
"""Runs of the quickstart with and without a journal, in turn."""
SECONDS_A_PROBLEM = 288.7
"""What a question took on the average with a beam of 4 on 4 x H200 (paper.md); how many
at a time is not stated.
"""


class Clock:
    """Seconds that the event loop spends inside the journal's methods, and those that its writer does beside it."""

    def __init__(self) -> None:
        self.loop, self.writer, self.commits = 0.0, 0.0, 0

    def around(self, method, commits: int = 0):
        def timed(*arguments):
            begin = time.perf_counter()
            try:
                return method(*arguments)
            finally:
                seconds = time.perf_counter() - begin
                if threading.current_thread() is threading.main_thread():
                    self.loop += seconds
                else:
                    self.writer += seconds
                self.commits += commits

        return timed


class Remembered:
    """Stands in for the rows of a journal: nothing is written, and nothing survives."""

    def __init__(self) -> None:
        self.rows: dict[bytes, tuple[str, float]] = {}

    def put(self, answers) -> None:
        for key, _, answer, seconds in answers:
            self.rows.setdefault(key, (json.dumps(answer), seconds))

    def get(self, keys):
        found = ((key, self.rows.get(key)) for key in keys)
        return {key: (json.loads(known[0]), known[1]) for key, known in found if known is not None}


def patched(**methods):
    """The journal's methods are others for a while."""
    stack = ExitStack()
    for name, method in methods.items():
        stack.enter_context(mock.patch.object(Journal, name, method))
    return stack


def timed_run(out: Path) -> tuple[float, float]:
    """Wall and processor seconds of the quickstart."""
    experiment = api.load(ROOT / "specs" / "quickstart.cord")
    begin, used = time.perf_counter(), time.process_time()
    api.execute(experiment, out)
    return time.perf_counter() - begin, time.process_time() - used


def quickstart(there: Path) -> dict[str, float]:
    """The quickstart: the share of its wall time that its event loop spent in the journal, and what it takes without one."""
    clock, runs = Clock(), {"with": [], "without": []}
    put, get, asked = Journal.put, Journal.get, Journal.asked
    with patched(put=clock.around(put, 1), get=clock.around(get), asked=clock.around(asked)):
        wall, _ = timed_run(there / "quickstart")
    for pair in range(PAIRS):
        none = Remembered()
        with patched(
            put=lambda _, rows, none=none: none.put(rows),
            get=lambda _, keys, none=none: none.get(keys),
            asked=lambda *_: None,
        ):
            runs["without"].append(timed_run(there / f"without{pair}"))
        runs["with"].append(timed_run(there / f"with{pair}"))
    candidates, texts = 0, 0
    with closing(Journal(there / "quickstart" / "run.db", looking=True)) as journal:
        for row in journal.stored():
            if len(row[3]) > 20:  # an answer: fingerprints are long
                texts += len(json.loads(row[4]).get("text", "").encode())
                candidates += '"text"' in row[4]
    size = (there / "quickstart" / "run.db").stat().st_size
    ratios = {
        name: median(one[at] for one in runs["with"]) / median(one[at] for one in runs["without"])
        for at, name in enumerate(("wall_with_over_without", "processor_with_over_without"))
    }
    return {
        "wall_seconds": wall,
        "loop_seconds": clock.loop,
        "writer_seconds": clock.writer,
        "quickstart_share": clock.loop / wall,
        "commits": clock.commits,
        "ms_a_commit": 1e3 * clock.writer / clock.commits,
        **ratios,
        "pairs": PAIRS,
        "bytes_a_candidate": (size - texts) / candidates,
        "candidates": candidates,
    }


def large(there: Path) -> dict[str, float]:
    """A journal of the paper's size: half of its rows are steps of about 1,000 characters, half are scores."""
    rng = Random(1)
    words = ["".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.randint(2, 9))) for _ in range(4_000)]
    path = there / "run.db"
    begin = time.perf_counter()
    with Journal(path) as journal:
        for first in range(0, ROWS, 2_000):
            journal.put([_row(number, rng, words) for number in range(first, first + 2_000)])
    written = time.perf_counter() - begin
    keys = [number.to_bytes(32) for number in rng.sample(range(ROWS), 20_000)]
    begin = time.perf_counter()
    with Journal(path) as journal:
        opened = time.perf_counter() - begin
        found = sum(len(journal.get([key])) for key in keys)
        read = time.perf_counter() - begin - opened
    assert found == len(keys)
    return {
        "rows": ROWS,
        "gigabytes": path.stat().st_size / 1e9,
        "write_seconds": written,
        "open_seconds": opened,
        "reads_a_second": len(keys) / read,
    }


def paper(there: Path) -> dict[str, float]:
    """The commits that a problem of specs/hetero_beam4.cord takes (simulated, on eight GPUs), at what a commit costs on this
    disk, beside the time that a problem took in the paper.
    """
    rng, costs = Random(2), []
    with Journal(there / "commits.db") as journal:
        for first in range(0, 100 * ROWS_A_COMMIT, ROWS_A_COMMIT):
            rows = [_row(number, rng, ["word"]) for number in range(first, first + ROWS_A_COMMIT)]
            begin = time.perf_counter()
            journal.put(rows)
            costs.append(time.perf_counter() - begin)
    cost = median(costs)
    clock = Clock()
    with patched(put=clock.around(Journal.put, 1)):
        done = simulate(api.load(ROOT / "specs" / "hetero_beam4.cord"), "traces", Settings(PROBLEMS, IN_FLIGHT))
    commits = clock.commits / PROBLEMS
    return {
        "commits_a_problem": commits,
        "ms_a_commit_of_eight": 1e3 * cost,
        "paper_share": commits * cost / SECONDS_A_PROBLEM,
        "share_with_sixteen_in_flight": clock.commits * cost / done.seconds,
    }


def _row(number: int, rng: Random, words: list[str]) -> tuple[bytes, str, dict[str, object], float]:
    model = "vllm:" + "0" * 64
    if number % 2:
        values = [round(-rng.random(), 6) for _ in range(5)]
        return number.to_bytes(32), model, {"values": values, "prompt_tokens": 3_000, "prefilled": 260}, 0.1
    text = " ".join(rng.choices(words, k=160))
    answer = {
        "text": text,
        "tokens": 260,
        "finish": "stop",
        "stop": "\n### Step",
        "prompt_tokens": 3_000,
        "prefilled": 9,
    }
    return number.to_bytes(32), model, answer, 4.0


def main() -> None:
    with tempfile.TemporaryDirectory(dir=ROOT) as there:  # on the disk, not in memory
        found = quickstart(Path(there))
        found.update(large(Path(there)))
        found.update(paper(Path(there)))
    met = {name: found[name] <= most for name, most in TARGETS.items()}
    result = {"targets": TARGETS, "met": met, "measured": {name: round(value, 5) for name, value in found.items()}}
    text = json.dumps(result, indent=2, sort_keys=True) + "\n"
    (ROOT / "benchmarks" / "results" / "journal.json").write_text(text)
    print(text, end="")


if __name__ == "__main__":
    main()
