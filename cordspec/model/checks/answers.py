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
    """One column cannot be both what teachers are shown and what they must not see, nor hold or be a part of it."""
    for block in experiment.of_kind("problems"):
        shown = list(_columns(block, carries_answer=False))
        for secret, source in _columns(block, carries_answer=True):
            for column, name in shown:
                if not _within(column, secret) and not _within(secret, column):
                    continue
                message = (
                    f"the column `{column}` of `{block.name}` is shown to teachers as `{name}` and holds the answer"
                )
                related = (Label(block.span_of(source), "the answer is read from here"),)
                yield Diagnostic("E501", message, block.span_of(name), "name another column", related)


def _columns(block: Block, *, carries_answer: bool) -> Iterator[tuple[str, str]]:
    """The columns that are named for one of the two purposes, each with the field that names it."""
    for name, field in type(block.options).model_fields.items():
        if any(isinstance(mark, Column) and mark.carries_answer is carries_answer for mark in field.metadata):
            value = getattr(block.options, name)
            yield from ((column, name) for column in ((value,) if isinstance(value, str) else value) if column)


def _within(inner: str, outer: str) -> bool:
    """Whether a path leads to a column or to a part of it."""
    return f"{inner}.".startswith(f"{outer}.")


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
