"""The training data of a spec's students beside the sets that they are measured on, before anything is trained."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cordspec.artifacts.contamination import Contamination
from cordspec.domain.problem import Problem
from cordspec.extension.options import Ref
from cordspec.model import Experiment, Variant
from cordspec.run.contamination import Row, compare
from cordspec.run.stages import problems as problem_stage

TracesOf = Callable[[str, str], Sequence[Row]]
"""The rows of a finished decode by variant and name; none where it is not finished."""


def decontaminate(variants: Sequence[Variant], traces_of: TracesOf) -> dict[str, Contamination]:
    """What is found for each student, each of its data sets once. Data is read from this machine only.

    Raises:
        SpecError: a problem set is wrong.
        PreflightError: one is not here.
    """
    found: dict[str, Contamination] = {}
    loaded: dict[tuple[str, str], tuple[Problem, ...]] = {}
    seen: set[tuple[object, ...]] = set()

    def problems(experiment: Experiment, name: str) -> tuple[Problem, ...]:
        block = experiment.blocks[name]
        key = (name, block.options.model_dump_json())
        if key not in loaded:
            loaded[key] = problem_stage.load(block, None).problems
        return loaded[key]

    for variant in variants:
        experiment = variant.experiment
        names = experiment.measured_sets()
        for block in experiment.of_kind("student"):
            data = dict(block.refs())[("data",)]
            key = (block.name, data, names)
            if key in seen:
                continue
            seen.add(key)
            rows = _rows(experiment, data, traces_of(variant.name, data.name), problems)
            sets = {name: problems(experiment, name) for name in names}
            label = block.name if len(variants) == 1 else f"{block.name} ({data})"
            found[label] = compare(str(data), rows, sets)
    return found


def _rows(
    experiment: Experiment,
    data: Ref,
    traces: Sequence[Row],
    problems: Callable[[Experiment, str], tuple[Problem, ...]],
) -> Sequence[Row]:
    """What a student would be trained on, or the prompts alone while there are no traces."""
    if data.kind == "decode":
        return traces or [
            (one.question, "") for one in problems(experiment, experiment.decode(data.name).problems.name)
        ]
    solved = problems(experiment, data.name)
    return [(one.question, f"{one.solution.thinking}\n{one.solution.answer}") for one in solved if one.solution]
