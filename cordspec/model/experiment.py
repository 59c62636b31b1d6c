"""A typed experiment: every block with its component and its checked options."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import get_args

from pydantic import BaseModel

from cordspec.diagnostics import Source, Span
from cordspec.domain.facts import Capability
from cordspec.extension.component import Component
from cordspec.extension.kinds.engine import Model
from cordspec.extension.options import Options, Ref, RefTo
from cordspec.model.blocks import DecodeOptions, ExperimentOptions, PoolOptions

Place = tuple[str, ...]
"""The path of a field inside its block, such as ``("budget", "thinking")``."""


@dataclass(frozen=True, slots=True)
class Block:
    """A block with checked options. ``component`` is None for the kinds that cordspec itself implements.

    ``spans`` tells where each given field was written; what is not in it is a default.
    """

    kind: str
    name: str
    component: type[Component] | None
    options: Options
    doc: str
    span: Span
    spans: Mapping[Place, Span]
    helpers: tuple[type[Component], ...] = ()
    """The components that fields name (a grader); their names and versions are part of the fingerprint."""
    _refs: tuple[tuple[Place, Ref], ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_refs", tuple(_refs(self.options, ())))

    def absent(self) -> list[type[Component]]:
        """Its components that this version of cordspec can check and plan with, and not run."""
        components = (self.component, *self.helpers) if self.component else self.helpers
        return [component for component in components if component.absent]

    def refs(self) -> tuple[tuple[Place, Ref], ...]:
        """All references to other blocks, with the fields that hold them."""
        return self._refs

    def needs(self, place: Place) -> tuple[Capability, ...]:
        """What the model that a field names must be able to do."""
        return _needs(type(self.options), place[0])

    def span_of(self, *place: str) -> Span:
        """Where a field was written; the head of the block if it was not."""
        return self.spans.get(place, self.span)


@cache
def _needs(options: type[Options], name: str) -> tuple[Capability, ...]:
    known = options.model_fields.get(name)
    marks = marks_of((known.annotation, *known.metadata)) if known else ()
    return next((mark.needs for mark in marks if isinstance(mark, RefTo)), ())


def marks_of(annotation: object) -> Iterator[object]:
    """All marks in a type, those of its members included."""
    for part in annotation if isinstance(annotation, tuple) else get_args(annotation):
        if get_args(part):
            yield from marks_of(part)
        else:
            yield part


def _refs(value: object, place: Place) -> Iterator[tuple[Place, Ref]]:
    if isinstance(value, Ref):
        yield place, value
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _refs(getattr(value, name), (*place, name))
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _refs(item, place)


@dataclass(frozen=True, slots=True)
class Experiment:
    """What a spec says, resolved: all blocks in the order of the text, and the sources they come from."""

    name: str
    blocks: Mapping[str, Block]
    sources: Sequence[Source]
    sets: tuple[str, ...] = ()

    @property
    def options(self) -> ExperimentOptions:
        options = self.blocks[self.name].options
        assert isinstance(options, ExperimentOptions)
        return options

    def model(self, block: Block) -> Model:
        """The model that a block describes, not opened."""
        assert block.component is not None and issubclass(block.component, Model)
        return block.component(block.options)

    def model_behind_name(self, name: str) -> Model | None:
        """The model of a block; for a student, that from which its training starts."""
        block = self.blocks[name]
        while block.kind == "student":
            init = dict(block.refs()).get(("init",))
            if init is None:
                return None
            block = self.blocks[init.name]
        return self.model(block) if block.kind == "model" else None

    def model_behind(self, ref: Ref) -> Model | None:
        """The same for a reference; None where it names no model."""
        return self.model_behind_name(ref.name) if ref.kind in ("model", "student") else None

    def used(self) -> dict[str, Block]:
        """The blocks that some stage depends on, in the order of the text: an unused model costs nothing."""
        pending = [block.name for block in self.blocks.values() if block.kind in ("decode", "student", "eval")]
        seen: set[str] = set()
        while pending:
            name = pending.pop()
            if name not in seen:
                seen.add(name)
                pending += [ref.name for _, ref in self.blocks[name].refs()]
        return {name: block for name, block in self.blocks.items() if name in seen}

    def measured_sets(self) -> tuple[str, ...]:
        """The problem sets on which students are measured, in the order of the text."""
        named = {
            refs[("problems",)].name
            for block in self.of_kind("eval")
            if (refs := dict(block.refs())).get(("model",), Ref("", "")).kind == "student" and ("problems",) in refs
        }
        return tuple(name for name in self.blocks if name in named)

    def of_kind(self, kind: str) -> list[Block]:
        return [block for block in self.blocks.values() if block.kind == kind]

    def decode(self, name: str) -> DecodeOptions:
        options = self.blocks[name].options
        assert isinstance(options, DecodeOptions)
        return options

    def pool(self, name: str) -> PoolOptions:
        options = self.blocks[name].options
        assert isinstance(options, PoolOptions)
        return options
