"""What can be run and had better not be."""

from __future__ import annotations

from collections.abc import Iterator

from cordspec.diagnostics import Diagnostic
from cordspec.extension.options import Revision
from cordspec.model.experiment import Experiment


def same_problems_twice(experiment: Experiment) -> Iterator[Diagnostic]:
    """A student must not be measured on the very problems that it was trained on."""
    trained = {
        block.name: {experiment.decode(ref.name).problems.name if ref.kind == "decode" else ref.name}
        for block in experiment.of_kind("student")
        for place, ref in block.refs()
        if place == ("data",)
    }
    for block in experiment.of_kind("eval"):
        refs = dict(block.refs())
        student, problems = refs.get(("model",)), refs.get(("problems",))
        if student and problems and problems.name in trained.get(student.name, ()):
            message = f"`{student}` is trained on `{problems}` and measured on it too"
            yield Diagnostic("W604", message, block.span_of("problems"), "its numbers will say nothing")


def identical_teachers(experiment: Experiment) -> Iterator[Diagnostic]:
    for block in experiment.of_kind("pool"):
        pool = experiment.pool(block.name)
        if len(pool.teachers) > 1 and len(set(pool.teachers)) == 1 and pool.temperature == 0.0:
            message = "all teachers are the same model at temperature 0, so they all propose the same"
            yield Diagnostic("W602", message, block.span_of("teachers"), "raise the temperature, or name one of them")


def unpinned(experiment: Experiment) -> Iterator[Diagnostic]:
    """What others may change is pinned, or a run cannot be repeated."""
    for block in experiment.used().values():
        if str(getattr(block.options, "weights", "")).startswith((".", "/")):
            continue  # a directory: a run knows it by its content
        for name, field in type(block.options).model_fields.items():
            if any(isinstance(mark, Revision) for mark in field.metadata) and not getattr(block.options, name):
                message = (
                    f"{block.kind} `{block.name}` has no {name}: what it stands for may change from one run to the next"
                )
                yield Diagnostic("W601", message, block.span, f'write `{name} = "..."`, a commit of 40 digits')


def absent(experiment: Experiment) -> Iterator[Diagnostic]:
    """Components that this version can check and plan with, and not run; told once each."""
    told = set()
    for block in experiment.used().values():
        for component in block.absent():
            if component not in told:
                told.add(component)
                message = f"this version of cordspec can check and plan {component.kind} `{component.name}`, not run it"
                yield Diagnostic("W303", message, block.span, "", help=component.absent)
