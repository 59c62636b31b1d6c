"""Every problem source grades its own answers as correct, with the grader that its problems are measured with."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path

import pytest

from cordspec.extension.registry import Registry
from cordspec.plugin import ANSWER_CUE, ANSWER_END, Grader, Problem
from cordspec_mini.problems import ChainProblems, InventoryProblems, MiniatureProblemsOptions
from cordspec_std.problems.jsonl import JsonLines, JsonLinesOptions

Source = Callable[[Path], Iterable[Problem]]


def rows(*answers: str) -> Source:
    """A file of problems with these answers."""

    def load(directory: Path) -> Iterable[Problem]:
        path = directory / "problems.jsonl"
        path.write_text("".join(json.dumps({"question": f"Q{n}?", "answer": a}) + "\n" for n, a in enumerate(answers)))
        return JsonLines(JsonLinesOptions(path=str(path))).load()

    return load


SHORT = MiniatureProblemsOptions(count=40, seed=3)
SOURCES: dict[str, tuple[str, Source]] = {
    "inventory": ("math_verify", lambda _: InventoryProblems(SHORT).load()),
    "chain_arithmetic": ("math_verify", lambda _: ChainProblems(SHORT).load()),
    "chain_arithmetic, whole numbers": ("integer", lambda _: ChainProblems(SHORT).load()),
    "jsonl, worked examples": (
        "math_verify",
        lambda _: JsonLines(JsonLinesOptions(path=str(Path(__file__).parents[2] / "specs/worked_examples.jsonl"))).load(),
    ),
    "jsonl, AIME": ("integer", rows("033", "0", "999", "204")),
    "jsonl, MATH": (
        "math_verify",
        rows(r"\frac{1}{2}", r"(1, 2]", r"\{1, 2\}", r"x^2+1", r"\text{Evelyn}", r"10\text{ cm}", r"50\%", r"\sqrt{51}", "1,234",
             r"\begin{pmatrix} 1 \\ 2 \end{pmatrix}", r"\left( 3, \frac{\pi}{2} \right)", r"6 - 5i", r"x \ge 3", "11\\sqrt2"),
    ),
    "jsonl, TaTQA": (
        "tatqa",
        rows("12.3 million", "2019; 2018", "net sales", "23.42%",
             '{"answer": -4.5, "answer_type": "arithmetic", "scale": "million"}',
             '{"answer": ["Europe", "Asia"], "answer_type": "multi-span", "scale": ""}'),
    ),
    "jsonl, PubMedQA": ("multiple_choice", rows("yes", "no", "maybe")),
    "jsonl, choices": ("multiple_choice", rows("A", "(B)", "C")),
    "jsonl, numbers": ("numeric", rows("3.14", "1,200", "$3.5 million", "2.54 cm", "12.5%")),
    "jsonl, names": ("exact", rows("Paris", "New York")),
}  # fmt: skip
"""A grader beside a source; a new source joins here."""


@pytest.mark.parametrize("name", list(SOURCES))
def test_a_source_grades_its_own_answers_as_correct(name: str, registry: Registry, tmp_path: Path) -> None:
    grader_name, source = SOURCES[name]
    component = registry.get("grader", grader_name)
    assert issubclass(component, Grader)
    grader = component(component.options_type())
    problems = list(islice(source(tmp_path), 40))
    assert problems
    try:
        for problem in problems:
            for written in (f"{ANSWER_CUE}{problem.answer}{ANSWER_END}", rf"So it is \boxed{{{problem.answer}}}"):
                found = grader.verdict(written, problem.answer)
                assert (found.outcome, found.score) == ("correct", 1.0), (problem.answer, written, found)
            other = next(one.answer for one in (*problems[1:], problems[0]) if one.answer != problem.answer)
            assert not grader.verdict(f"{ANSWER_CUE}{other}{ANSWER_END}", problem.answer).correct, (
                problem.answer,
                other,
            )
    finally:
        grader.close()
