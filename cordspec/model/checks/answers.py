"""The reference answer has one way in: scorers and graders. Everything else is refused here, before a token is spent.

At run time the same holds by construction, since teachers are given a view of a problem that has no answer in it; here it
is held for what a spec wires together.
"""

from __future__ import annotations

from collections.abc import Iterator

from cordspec.diagnostics import Diagnostic, Label
from cordspec.extension.kinds.scorer import Scorer
from cordspec.extension.options import Column, Ref
from cordspec.model.experiment import Block, Experiment

ALLOWED = {"decode": ("problems", "scorer"), "eval": ("problems",)}
"""The fields through which answers come in; they are read there by scorers and graders only."""
OPAQUE = ("decode", "student")
"""What these make is public to those who name them: how much was spent, and weights."""


def columns(experiment: Experiment) -> Iterator[Diagnostic]:
    """One column cannot be both what teachers are shown and what they must not see."""
    for block in experiment.of_kind("problems"):
        marked = {
            name: mark.carries_answer
            for name, field in type(block.options).model_fields.items()
            for mark in field.metadata
            if isinstance(mark, Column)
        }
        secret = {getattr(block.options, name): name for name, carries in marked.items() if carries}
        for name, carries in marked.items():
            value = getattr(block.options, name)
            if not carries and value in secret:
                message = (
                    f"the column `{value}` of `{block.name}` is shown to teachers as `{name}` and holds the answer"
                )
                related = (Label(block.span_of(secret[value]), "the answer is read from here"),)
                yield Diagnostic("E501", message, block.span_of(name), "name another column", related)


def reached(experiment: Experiment) -> Iterator[Diagnostic]:
    """Teachers, cutting and search must not lead to problems or to a scorer that knows the answer; nor must an evaluation."""
    for block in experiment.blocks.values():
        if block.kind not in ALLOWED:
            continue
        for place, ref in block.refs():
            if place[0] in ALLOWED[block.kind]:
                continue
            found = _answer_behind(experiment, block, place, ref, frozenset({block.name}))
            if found is not None:
                owner, where, source = found
                message = f"{block.kind} `{block.name}` lets `{owner.name}` see the answers behind `{source.name}`"
                related = (Label(source.span, "this carries the answers"), Label(block.span_of(*place), "on this way"))
                yield Diagnostic("E501", message, owner.span_of(*where), "only scorers and graders may", related)


def _answer_behind(
    experiment: Experiment, owner: Block, place: tuple[str, ...], ref: Ref, seen: frozenset[str]
) -> tuple[Block, tuple[str, ...], Block] | None:
    """The block that reads answers on the way of a reference, the field in which it does, and where they come from."""
    source = experiment.blocks[ref.name]
    knows = source.component is not None and issubclass(source.component, Scorer) and source.component.needs_answer
    if source.kind == "problems" or knows:
        return owner, place, source
    if source.kind in OPAQUE or source.name in seen:
        return None
    for inner_place, inner in source.refs():
        found = _answer_behind(experiment, source, inner_place, inner, seen | {source.name})
        if found is not None:
            return found
    return None
