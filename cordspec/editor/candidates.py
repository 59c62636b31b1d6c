"""Values that fit a field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from cordspec.editor.analysis import Analysis
from cordspec.editor.fields import Shape
from cordspec.extension.options import Interval, Unit
from cordspec.model.compose import Draft
from cordspec.model.values import UNITS
from cordspec.syntax.nodes import Bool, List, Number, Object, Path, Range, Text, Value

Sort = Literal["kind", "keyword", "component", "block", "field", "member", "let", "unit", "truth"]


@dataclass(frozen=True, slots=True)
class Completion:
    """One proposal: ``text`` replaces what stands between ``start`` and the cursor. Lower ranks come first."""

    label: str
    sort: Sort
    start: int
    text: str = ""
    detail: str = ""
    documentation: str = ""
    rank: int = 1

    @property
    def inserted(self) -> str:
        return self.text or self.label


PLAIN: Final[Mapping[type, type]] = {bool: Bool, int: Number, float: Number, str: Text, Interval: Range}
LETTERS: Final = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ%"


def candidates(analysis: Analysis, shapes: Sequence[Shape], start: int, word: str, block: str) -> Iterator[Completion]:
    """What may be written for one of the shapes in a block, where ``word`` has been typed from ``start`` on."""
    for shape in shapes:
        for member in shape.members:
            yield Completion(member, "member", start, rank=0)
        for draft in analysis.composition.blocks.values():
            if draft.kind in shape.references and draft.name != block:
                yield block_completion(draft, start)
        for name in analysis.registry.names(shape.component_of) if shape.component_of else ():
            yield Completion(name, "component", start, detail=shape.component_of, rank=0)
        if shape.type is bool:
            yield from (Completion(truth, "truth", start, rank=0) for truth in ("true", "false"))
        if unit := shape.marked(Unit):
            yield from _quantities(unit, start, word)
    for name, value in _constants(analysis).items():
        if any(_may_be(shape, value) for shape in shapes):
            yield Completion(name, "let", start, detail=" ".join(value.span.text.split()))


def block_completion(draft: Draft, start: int) -> Completion:
    """A block, to be named."""
    component = f" : {draft.component.text}" if draft.component else ""
    return Completion(draft.name, "block", start, detail=f"{draft.kind}{component}", documentation=draft.doc, rank=0)


def _quantities(unit: Unit, start: int, word: str) -> Iterator[Completion]:
    """The number that has been typed, with each unit."""
    digits = word.rstrip(LETTERS)
    if digits:
        for suffix in UNITS[unit.dimension]:
            yield Completion(digits + suffix, "unit", start, detail=unit.dimension, rank=0)


def _constants(analysis: Analysis) -> Mapping[str, Value]:
    """What ``let`` defines in the document and what it extends."""
    for draft in analysis.composition.blocks.values():
        if not draft.scope.prefix:
            return draft.scope.lets
    return {}


def _may_be(shape: Shape, value: Value) -> bool:
    if isinstance(value, Path):
        return bool(shape.references or shape.members or shape.component_of)
    if shape.marked(Unit):
        return isinstance(value, Number) and bool(value.unit)
    if shape.items:
        return isinstance(value, List)
    if shape.options is not None:
        return isinstance(value, Object)
    plain = PLAIN.get(shape.type)
    unmarked = not (shape.references or shape.component_of)
    return plain is not None and unmarked and isinstance(value, plain)
