"""What a field wants: its type without the layers around it, with its marks, at any depth inside a block."""

from __future__ import annotations

import types
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from cordspec.extension.component import Component
from cordspec.extension.options import Assignments, ComponentOf, Options, RefTo
from cordspec.extension.registry import Registry, RegistryError
from cordspec.model.blocks import CORE_KINDS
from cordspec.model.compose import Draft

ITEM: Final = "[]"
"""The step from a list to its entries, in a row of names of fields that lead to a place inside a block."""
Mark = TypeVar("Mark")


@dataclass(frozen=True, slots=True)
class Shape:
    """One form that a value may have: a type, and what it is marked with. A field may want one of several."""

    type: Any
    marks: tuple[object, ...] = ()

    def marked(self, mark: type[Mark]) -> Mark | None:
        return next((one for one in self.marks if isinstance(one, mark)), None)

    @property
    def members(self) -> tuple[str, ...]:
        """The names that it may be, where it is an enumeration."""
        return tuple(map(str, get_args(self.type))) if get_origin(self.type) is Literal else ()

    @property
    def options(self) -> type[BaseModel] | None:
        """The fields that it has, where it is an object."""
        return self.type if isinstance(self.type, type) and issubclass(self.type, BaseModel) else None

    @property
    def items(self) -> tuple[Shape, ...]:
        """What its entries are, where it is a list."""
        return shapes(get_args(self.type)[0]) if get_origin(self.type) in (list, tuple) else ()

    @property
    def entries(self) -> tuple[Shape, ...]:
        """What its values are, where it is a table of free names."""
        return shapes(get_args(self.type)[1]) if get_origin(self.type) is dict else ()

    @property
    def references(self) -> tuple[str, ...]:
        """The kinds of block that it may name."""
        mark = self.marked(RefTo)
        return mark.kinds if mark else ()

    @property
    def component_of(self) -> str:
        """The kind of component that it names, or an empty text."""
        mark = self.marked(ComponentOf)
        return mark.kind if mark else ""


def shapes(wanted: Any) -> tuple[Shape, ...]:
    """The forms of a type, in the order in which they are tried."""
    return tuple(_shapes(wanted, ()))


def field_shapes(field: FieldInfo) -> tuple[Shape, ...]:
    """The forms of a field of options."""
    return tuple(_shapes(field.annotation, tuple(field.metadata)))


def _shapes(wanted: Any, marks: tuple[object, ...]) -> Iterator[Shape]:
    while get_origin(wanted) is Annotated:
        wanted, *more = get_args(wanted)
        inner = [part for one in more for part in (one.metadata if isinstance(one, FieldInfo) else (one,))]
        marks = (*inner, *marks)
    if get_origin(wanted) in (Union, types.UnionType):
        for arm in get_args(wanted):
            if arm is not type(None):
                yield from _shapes(arm, marks)
    else:
        yield Shape(wanted, marks)


@dataclass(frozen=True, slots=True)
class Fields:
    """What the blocks of one spec want."""

    blocks: Mapping[str, Draft]
    registry: Registry
    prefix: str = ""
    """What the names in the text are prefixed with, where it is imported."""

    def component(self, kind: str, name: str) -> type[Component] | None:
        """A component that the document names, or None where it cannot be had."""
        try:
            return self.registry.get(kind, name)
        except RegistryError:
            return None

    def options(self, kind: str, component: str) -> type[Options] | None:
        """The fields of a block."""
        if kind in CORE_KINDS:
            return CORE_KINDS[kind]
        found = self.component(kind, component) if component else None
        return found.options_type if found else None

    def options_of(self, draft: Draft) -> type[Options] | None:
        """The fields of a block of the spec."""
        return self.options(draft.kind, draft.component.text if draft.component else "")

    def at(self, options: type[BaseModel] | None, steps: Sequence[str]) -> tuple[Shape, ...]:
        """What is wanted after some steps into a block: names of fields, and `ITEM` for an entry of a list."""
        here: tuple[Shape, ...] = (Shape(options),) if options else ()
        for at, step in enumerate(steps):
            if any(shape.marked(Assignments) for shape in here):
                return self._assigned(here[0], steps[at:])
            here = tuple(self._inside(here, step))
        return here

    def block_of(self, names: Sequence[str]) -> tuple[Draft, int] | None:
        """The block that the beginning of a path such as ``sets.aime.count`` names, and how many names that takes."""
        for taken in range(len(names), 0, -1):
            if (draft := self.blocks.get(self.prefix + ".".join(names[:taken]))) is not None:
                return draft, taken
        return None

    @staticmethod
    def _inside(here: Iterable[Shape], step: str) -> Iterator[Shape]:
        for shape in here:
            if step == ITEM:
                yield from shape.items
            elif shape.options is not None and step in shape.options.model_fields:
                yield from field_shapes(shape.options.model_fields[step])
            else:
                yield from shape.entries

    def _assigned(self, shape: Shape, steps: Sequence[str]) -> tuple[Shape, ...]:
        """Inside settings of other blocks: a table of paths with lists of values, or a list of tables with values."""
        patterns = get_origin(shape.type) is tuple
        if patterns:
            if steps[0] != ITEM:
                return ()
            steps = steps[1:]
        if not steps:
            return (Shape(dict[str, object], (Assignments(),)),)
        found = self.block_of([step for step in steps if step != ITEM])
        if found is None:
            return ()
        draft, taken = found
        inner = list(steps[taken:])
        if inner and not patterns:  # a list of values
            if ITEM not in inner:
                within = self.at(self.options_of(draft), inner)
                return tuple(one for one in within if one.options)
            inner.remove(ITEM)
        return self.at(self.options_of(draft), inner)
