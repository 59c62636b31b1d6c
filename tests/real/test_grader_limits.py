"""The grader's process: what hangs, eats memory or is killed costs its limit, is reported, and the next answer is graded."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from cordspec_bench import forked_worker, math_worker, worker_process
from cordspec_bench.math_verify_grader import MathVerify, MathVerifyOptions

TOWER = r"\boxed{9^{9^{9^{9}}}}"
EXPRESSION = (r"\boxed{\frac{\sqrt{2}}{2}}", r"\frac{1}{\sqrt{2}}")
"""What no shortcut decides, so the process is asked."""


LIMIT, SLACK = 2.0, 3.0
"""Of a comparison, in seconds, and what a busy machine may add to it."""


@pytest.fixture
def grader() -> Iterator[MathVerify]:
    made = MathVerify(MathVerifyOptions(time_limit=LIMIT))
    assert made.verdict(*EXPRESSION).correct
    yield made
    made.close()


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def worker(grader: MathVerify) -> subprocess.Popen[str]:
    process = grader._process._process
    assert process is not None
    return process


def test_an_answer_that_takes_for_ever_costs_its_limit_and_is_reported(grader: MathVerify) -> None:
    before = worker(grader).pid
    for _ in range(3):
        begin = time.monotonic()
        found = grader.verdict(TOWER, "1")
        assert time.monotonic() - begin < LIMIT + worker_process.GRACE_SECONDS + SLACK
        assert (found.outcome, found.correct, found.score) == ("failed", False, 0.0)
        assert found.reason == f"it took more than {LIMIT:g} s"
        assert grader.verdict(*EXPRESSION).correct
    assert worker(grader).pid == before, "the library is loaded once"


def test_the_same_answer_hangs_a_grader_without_a_limit() -> None:
    """That the limit is what ends it: with a longer one it takes longer."""
    grader = MathVerify(MathVerifyOptions(time_limit=2 * LIMIT))
    try:
        assert grader.verdict(*EXPRESSION).correct
        begin = time.monotonic()
        assert grader.verdict(TOWER, "1").outcome == "failed"
        assert time.monotonic() - begin >= 2 * LIMIT
    finally:
        grader.close()


def test_a_process_that_is_killed_is_reported_and_the_next_answer_is_graded(grader: MathVerify) -> None:
    (child,) = children(worker(grader).pid)
    os.kill(child, signal.SIGKILL)
    found = grader.verdict(*EXPRESSION)
    assert (found.outcome, found.reason) == ("failed", "its process was ended by signal 9")
    assert grader.verdict(*EXPRESSION).correct
    os.kill(worker(grader).pid, signal.SIGKILL)
    assert grader.verdict(*EXPRESSION).outcome == "failed"
    assert grader.verdict(*EXPRESSION).correct


def test_a_process_that_is_stopped_costs_its_limit(grader: MathVerify) -> None:
    os.kill(worker(grader).pid, signal.SIGSTOP)
    begin = time.monotonic()
    assert grader.verdict(*EXPRESSION).outcome == "failed"
    assert time.monotonic() - begin < LIMIT + worker_process.GRACE_SECONDS + SLACK
    assert grader.verdict(*EXPRESSION).correct


def test_a_comparison_cannot_take_all_memory(grader: MathVerify) -> None:
    (child,) = children(worker(grader).pid)
    limits = Path(f"/proc/{child}/limits").read_text()
    row = next(line for line in limits.splitlines() if line.startswith("Max address space"))
    assert row.split()[3] == str(2 << 30)


@pytest.mark.parametrize(
    ("error", "said"),
    [(MemoryError, "it took too much memory"), (RecursionError, "it is nested too deeply")],
)
def test_a_comparison_that_runs_out_of_something_has_failed(
    monkeypatch: pytest.MonkeyPatch, error: type[Exception], said: str
) -> None:
    def compare(answer: str, wanted: str) -> bool:
        raise error

    monkeypatch.setattr(math_worker, "_compare", compare)
    assert forked_worker.answered(math_worker._answer, {"answer": "1", "wanted": "2"}) == {"failed": said}


def test_nothing_is_left_when_the_grader_is_closed_in_the_middle() -> None:
    grader = MathVerify(MathVerifyOptions(time_limit=5.0))
    assert grader.verdict(*EXPRESSION).correct
    first = worker(grader).pid
    (child,) = children(first)
    grader.close()
    grader.close()
    assert not Path(f"/proc/{first}").exists()
    for _ in range(50):
        if not Path(f"/proc/{child}").exists() or "Z" in Path(f"/proc/{child}/stat").read_text().split()[2]:
            break
        time.sleep(0.1)
    else:
        pytest.fail("a forked process is left")


PIECES = [
    *"0123456789", *"xyzn+-*/=<>!,.;:()[]{}|^_%$&~#\\ '\"", r"\frac{", r"\sqrt{", r"\text{", r"\boxed{", r"\pi", r"\infty", r"\cup",
    r"\le", r"\ne", r"\pm", r"\{", r"\}", r"\left(", r"\right]", r"\cdot ", r"\times 10^", r"\%", r"\$", r"^\circ", r"\int", r"\sum",
    r"\log", r"\sin", r"\binom{", r"\begin{pmatrix}", r"\end{pmatrix}", "\n", "\t", "\x00", "é", "−", "½", "²", "𝟙", "💥", "\u202e", "or", "and",
    "million", "percent", "cm", "yes", "no", "The final answer is ", "1,234", "0.5", "1/2", "(1, 2)", "None", "True", "nan", "inf",
]  # fmt: skip


def test_no_string_crashes_the_grader() -> None:
    """5,000 generated ones, and none makes the process that compares end by itself."""
    draw = random.Random(7)
    outcomes: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    grader = MathVerify(MathVerifyOptions(time_limit=5.0))
    try:
        assert not grader.verdict(r"\boxed{\sqrt{3}}", EXPRESSION[1]).correct
        for _ in range(5_000):
            written = "".join(draw.choices(PIECES, k=draw.randint(1, 14)))
            reference = draw.choice(["42", r"\frac{1}{2}", "(1, 2)", r"\{1, 2\}", r"x^2+1", "yes", r"10\text{ cm}"])
            found = grader.verdict(written, reference)
            outcomes[found.outcome] += 1
            if found.outcome == "failed":
                reasons[found.reason] += 1
    finally:
        grader.close()
    assert sum(outcomes.values()) == 5_000
    assert set(reasons) <= {"it took more than 5 s"}, reasons
    assert outcomes["failed"] <= 10, reasons
