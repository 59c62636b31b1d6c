"""A typed experiment: every block with its component and its checked options."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pydantic import BaseModel

from cordspec.diagnostics import Source, Span
from cordspec.extension.component import Component
from cordspec.extension.options import Options, Ref
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
    helpers: tuple[str, ...] = ()
    """Name and version of each component that a field names (a grader); part of the fingerprint."""

    def refs(self) -> Iterator[tuple[Place, Ref]]:
        """All references to other blocks, with the fields that hold them."""
        yield from _refs(self.options, ())

    def span_of(self, *place: str) -> Span:
        """Where a field was written; the head of the block if it was not."""
        return self.spans.get(place, self.span)


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
