"""The scorers of reasoning-gym's tasks as a grader: gold answers, other right ones, wrong ones, and hostile ones."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cordspec import api
from cordspec.artifacts.records import TraceRecord, read_lines
from cordspec.domain.problem import Problem
from cordspec_bench.exact_grader import Exact
from cordspec_bench.gym_grader import GymGrader, GymGraderOptions
from cordspec_std.problems.procedural import ReasoningGym, ReasoningGymOptions
from tests.real.test_grader_limits import PIECES
from tests.real.toys import SPEC, Toys

TASKS = (
    "chain_sum", "gcd", "leg_counting", "letter_counting", "mini_sudoku", "n_queens", "rotate_matrix", "spell_backward",
    "string_insertion", "tower_of_hanoi", "word_ladder", "zebra_puzzles",
)  # fmt: skip
"""Numbers, words, grids and plans; n_queens, tower_of_hanoi and word_ladder have several right answers."""


@pytest.fixture
def grader() -> Iterator[GymGrader]:
    made = GymGrader(GymGraderOptions())
    yield made
    made.close()


def problems(task: str, size: int = 2, **settings: int) -> list[Problem]:
    return list(ReasoningGym(ReasoningGymOptions(task=task, seed=3, size=size, settings=settings)).load())


@pytest.mark.parametrize("task", TASKS)
def test_a_task_takes_its_own_answers_and_no_wrong_ones(task: str, grader: GymGrader) -> None:
    for problem in problems(task):
        for written in (
            problem.answer,
            f"So.\n\nThe final answer is {problem.answer}.",
            f"\n\\boxed{{{problem.answer}}}",
        ):
            found = grader.mark(problem, written)
            assert (found.outcome, found.score) == ("correct", 1.0), (written, found)
        wrong = grader.mark(problem, "\n\nThe final answer is zebra 77 7.")
        assert wrong.outcome == "wrong" and wrong.score < 1.0, wrong
        assert grader.mark(problem, " ").outcome == "no answer"


def test_another_right_answer_is_right(grader: GymGrader) -> None:
    import reasoning_gym

    size = 20
    made = reasoning_gym.create_dataset("n_queens", seed=3, size=size)
    found = [
        (problem, other)
        for problem, entry in zip(problems("n_queens", size), made, strict=True)
        for other in entry["metadata"]["valid_answers"]
        if other != problem.answer
    ]
    assert found, "some boards have several"
    for problem, other in found:
        assert grader.mark(problem, other).correct
        as_list = grader.mark(problem, repr([line.split() for line in other.splitlines()]))
        assert as_list.score == 0.5, "what its scorer gives a list, which it reads with `eval`: here as a literal"
        assert not Exact(Exact.options_type()).mark(problem, other).correct


def test_parts_of_a_point_are_kept_and_are_no_right_answer(grader: GymGrader) -> None:
    (problem,) = problems("chain_sum", 1)
    found = grader.mark(problem, f"{problem.answer} apples")
    assert found.outcome == "wrong" and 0.0 < found.score < 1.0


def test_a_problem_of_elsewhere_is_not_graded(grader: GymGrader) -> None:
    (problem,) = problems("chain_sum", 1)
    assert grader.mark(Problem(problem.question, problem.answer), problem.answer).outcome == "failed"
    changed = Problem(f"{problem.question}?", problem.answer, marking=problem.marking)
    assert "another problem than it did" in grader.mark(changed, problem.answer).reason
    assert grader.verdict(problem.answer, problem.answer).outcome == "failed"


def test_no_string_crashes_it_and_it_goes_on(grader: GymGrader) -> None:
    import random

    draw = random.Random(11)
    for task in ("mini_sudoku", "word_ladder"):
        (problem,) = problems(task, 1)
        for _ in range(500):
            found = grader.mark(problem, "".join(draw.choices(PIECES, k=draw.randint(1, 14))))
            assert found.outcome in ("wrong", "no answer"), found
        assert grader.mark(problem, "(" * 100_000).outcome == "wrong"
        assert grader.mark(problem, problem.answer).correct


ALL = """
import json, sys
from reasoning_gym.factory import DATASETS
import reasoning_gym
from cordspec_bench import gym_worker
if {bent}:
    gym_worker._Guard._heard = lambda *_: None
    gym_worker._Guard._literal = staticmethod(eval)
found = {{}}
for task in sorted(set(DATASETS) - {{"composite"}}):
    sys.argv = ["w", json.dumps({{"task": task, "seed": 3, "size": 2, "settings": {{}}}})]
    entry = reasoning_gym.create_dataset(task, seed=3, size=2)[1]
    if not isinstance(entry["answer"], str):
        continue
    answer = gym_worker.load()
    ask = lambda text: answer({{"number": 1, "question": entry["question"].strip(), "answers": [text]}})
    evil = "__import__('pathlib').Path({mark!r}).touch()"
    found[task] = [ask(entry["answer"]), ask(evil), ask("[" + evil + "]"), ask("zebra")]
print(json.dumps(found))
"""


def of_all_tasks(mark: Path, *, bent: bool = False) -> dict[str, list[dict[str, Any]]]:
    """What the scorers of all tasks say of the gold answer, of a program, of one in a list, and of a wrong answer."""
    code = ALL.format(mark=str(mark), bent=bent)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout[done.stdout.index("{") :]))


RUNS_TEXT = {
    "bitwise_arithmetic", "countdown", "intermediate_integration", "polynomial_multiplication", "puzzle24",
    "simple_integration",
}  # fmt: skip
"""Tasks of reasoning-gym 0.1.25 whose scorer takes no answer without running text as a program."""


@pytest.mark.item("S31")
def test_no_scorer_runs_an_answer_as_a_program(tmp_path: Path) -> None:
    found = of_all_tasks(tmp_path / "ran")
    assert not (tmp_path / "ran").exists()
    assert {task for task, said in found.items() if "unusable" in said[0]} == RUNS_TEXT
    usable = {task: said for task, said in found.items() if task not in RUNS_TEXT}
    assert len(usable) >= 90 and all(said[0] == {"score": 1.0} for said in usable.values())
    lenient = {task for task, said in usable.items() if not all(one["score"] < 1.0 for one in said[1:])}
    assert lenient <= {"game_of_life_halting"}, "its scorer takes anything for no where the answer is no"


@pytest.mark.item("S31")
def test_without_the_guard_an_answer_is_run(tmp_path: Path) -> None:
    """The planted bug, and that the test above would see it."""
    of_all_tasks(tmp_path / "ran", bent=True)
    assert (tmp_path / "ran").exists()


def test_a_task_whose_scorer_runs_answers_is_told_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    toys = Toys(tmp_path / "work", spec=of_task("countdown"))
    monkeypatch.chdir(toys.place)
    done = toys.run()
    assert done.returncode == 1, done.stderr
    assert "the scorer of the task `countdown` takes no answer without running text as a program" in done.stderr


def of_task(task: str) -> str:
    """Traces of toys, which answer 0, 1 or 2, graded by a task's scorer."""
    text = SPEC.split("decode single")[0].replace("grader = toy_exact", "grader = reasoning_gym")
    gym = f'reasoning_gym {{ task = "{task}", seed = 3, size = 6 }}'
    return text.replace('problems p : jsonl { path = "p.jsonl" }', f"problems p : {gym}")


def test_a_run_is_graded_by_the_scorer_and_again_from_its_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import reasoning_gym

    graded = (
        "eval v : math_answers { model = a, problems = p, samples = 2, max_tokens = 64tok, grader = reasoning_gym }\n"
    )
    toys = Toys(tmp_path / "work", spec=of_task("gcd") + graded)
    monkeypatch.chdir(toys.place)
    api.execute(toys.variants(), toys.out, registry=toys.registry())
    made = reasoning_gym.create_dataset("gcd", seed=3, size=6)
    entries = {str(entry["question"]).strip(): entry for entry in made}
    stage = next((toys.out / "stages").glob("decode-traces-*"))
    traces = list(read_lines(stage / "traces.jsonl", TraceRecord))
    assert len(traces) == 6 and {trace.outcome for trace in traces} <= {"correct", "wrong"}
    for trace in traces:
        assert trace.correct == (made.score_answer(trace.answer.strip(), entries[trace.question]) == 1.0)
    (again,) = api.regrade(toys.out, ["reasoning_gym"], registry=toys.registry())
    assert again.draws == 12 and not again.disagreements and again.failed_second == 0


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("problems p : inventory { count = 2 }", ["E212"]),
        ('problems p : reasoning_gym { task = "gcd" }', []),
    ],
)
def test_a_grader_of_one_source_is_refused_for_others(line: str, code: list[str], diagnose: Any) -> None:
    spec = f"""cord 1
experiment e {{ seed = 3 }}
{line}
model a : mini {{ name = adder }}
eval v : math_answers {{ model = a, problems = p, samples = 1, max_tokens = 8tok, grader = reasoning_gym }}
"""
    assert [one.code for one in diagnose(spec)] == code
