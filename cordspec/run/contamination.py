"""Training data beside the sets that students are measured on: rows go by one at a time, the questions are held."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from cordspec.artifacts.contamination import Action, Compared, Contamination, Hit, Part
from cordspec.domain.overlap import Overlap, Questions
from cordspec.domain.problem import Problem
from cordspec.run.stages.problems import content_hash

Row = tuple[str, str]
"""A prompt and the trace that a student learns for it, which may be empty."""


def compare(
    data: str, rows: Iterable[Row], sets: Mapping[str, Sequence[Problem]], action: Action = "report"
) -> Contamination:
    """Look for the questions of every set in every row.

    Args:
        data: the name of the block that the rows come from.
        sets: the problems of evaluation sets by name.
        action: what is done with the rows that are hit; here it is only written down.
    """
    held = {name: Questions(problem.question for problem in problems) for name, problems in sets.items()}
    hits: dict[str, list[Hit]] = {name: [] for name in sets}
    number, traces = 0, False
    for number, row in enumerate(rows, 1):
        traces = traces or bool(row[1])
        parts: tuple[tuple[Part, str], ...] = (("prompt", row[0]), ("trace", row[1]))
        for part, text in parts:
            for name, questions in held.items():
                found = questions.found_in(text) if text else []
                if found:
                    hits[name].append(_hit(number, part, found))
    compared = [
        Compared(
            name,
            content_hash(problems),
            len(problems),
            tuple(place + 1 for place in held[name].short),
            tuple(hits[name]),
        )
        for name, problems in sets.items()
    ]
    return Contamination(data, number, traces, action, tuple(compared))


def _hit(row: int, part: Part, found: Sequence[Overlap]) -> Hit:
    most = found[0]
    names = sorted({name for one in found for name in one.found})
    return Hit(row, part, most.question + 1, len(found), most.shares, tuple(names))
