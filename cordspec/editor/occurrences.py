"""Every name in a spec that means a block, a constant or an import, with what it means.

A name means what the binder takes it for: it is read by the type of its field, and a constant by the fields that name it. A
word that happens to be spelled like a block, such as a field or a member of an enumeration, is none.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_origin

from cordspec.diagnostics import Span
from cordspec.editor.fields import Fields, Shape
from cordspec.editor.loading import Loaded
from cordspec.extension.options import Assignments
from cordspec.extension.registry import Registry
from cordspec.model.compose import Composition
from cordspec.syntax.nodes import Block, Field, Import, Let, List, Name, Object, Path, Value


@dataclass(frozen=True, slots=True)
class Symbol:
    """Something with a name. ``name`` is full, ``sets.aime24`` for an imported block; an import's ends in a dot."""

    sort: Literal["block", "let", "import"]
    name: str


@dataclass(frozen=True, slots=True)
class Occurrence:
    """A name in a text, what it means, and whether this is where it gets its meaning."""

    symbol: Symbol
    span: Span
    defines: bool = False


@dataclass(frozen=True, slots=True)
class Names:
    """All names of a spec. A file that is read under two prefixes has each of its names twice.

    ``doubtful`` are those that nothing gives a meaning: in unknown fields, in blocks of components that cannot be had, and
    in constants that nobody uses.
    """

    occurrences: Sequence[Occurrence]
    doubtful: Sequence[Path]


def names(files: Sequence[Loaded], composition: Composition, registry: Registry) -> Names:
    """Find them in all files of a spec."""
    finder = _Finder(composition, registry)
    for one in files:
        finder.definitions(one)
    for one in files:
        finder.uses(one)
    finder.unused()
    return Names(list(finder.found), finder.doubtful)


class _Finder:
    def __init__(self, composition: Composition, registry: Registry) -> None:
        self._blocks = composition.blocks
        self._fields = Fields(composition.blocks, registry)
        self._lets: dict[str, Value] = {}
        self._open: list[str] = []
        self._used: set[str] = set()
        self.found: dict[Occurrence, None] = {}
        self.doubtful: list[Path] = []

    def definitions(self, one: Loaded) -> None:
        for item in one.file.items:
            if isinstance(item, Let):
                self._lets[one.prefix + item.name.text] = item.value
                self._add("let", one.prefix + item.name.text, item.name.span, defines=True)
            elif isinstance(item, Import):
                self._add("import", f"{one.prefix}{item.alias.text}.", item.alias.span, defines=True)

    def uses(self, one: Loaded) -> None:
        self._fields = replace(self._fields, prefix=one.prefix)
        seen: set[str] = set()
        for item in one.file.items:
            draft = self._blocks.get(one.prefix + item.name.text) if isinstance(item, Block) else None
            if draft is None or not isinstance(item, Block) or item.name.text in seen or draft.kind != item.kind.text:
                continue  # told as a mistake, and not read
            seen.add(item.name.text)
            self._add("block", draft.name, item.name.span, defines=True)
            if item.like is not None:
                inside = one.prefix + item.like.text in self._blocks
                self._block(item.like.names, one.prefix if inside else "")
            component = item.component or draft.component
            options = self._fields.options(draft.kind, component.text if component else "")
            self._all((Shape(options),) if options is not None else (), item.fields)

    def unused(self) -> None:
        for name, value in self._lets.items():
            if name not in self._used:
                self._value((), value)

    def _all(self, here: tuple[Shape, ...], fields: Iterable[Field]) -> None:
        for field in fields:
            self._field(here, field.path.names, field.value)

    def _field(self, here: tuple[Shape, ...], names: Sequence[Name], value: Value) -> None:
        for at, name in enumerate(names):
            if _assigns(here):
                self._assignment(names[at:], value, lists=True)
                return
            here = tuple(found for shape in here for found in self._fields.at(shape.options, [name.text]))
        self._value(here, value)

    def _value(self, here: tuple[Shape, ...], value: Value) -> None:
        match value:
            case Path():
                self._path(here, value)
            case List(items) if _assigns(here):
                for entry in (entry for item in items if isinstance(item, Object) for entry in item.fields):
                    self._assignment(entry.path.names, entry.value, lists=False)
            case List(items):
                for item in items:
                    self._value(tuple(found for shape in here for found in shape.items), item)
            case Object(fields) if _assigns(here):
                for entry in fields:
                    self._assignment(entry.path.names, entry.value, lists=True)
            case Object(fields) if any(get_origin(shape.type) is dict for shape in here):
                for entry in fields:
                    self._value(tuple(found for shape in here for found in shape.entries), entry.value)
            case Object(fields):
                self._all(here, fields)
            case _:
                pass

    def _assignment(self, names: Sequence[Name], value: Value, *, lists: bool) -> None:
        """A setting of another block, such as ``traces.search = [greedy, beam4]`` in a sweep."""
        found = self._fields.block_of([name.text for name in names[:-1]])
        if found is None:
            self._value((), value)
            return
        draft, taken = found
        self._block(names[:taken], self._fields.prefix)
        here = self._fields.at(self._fields.options_of(draft), [name.text for name in names[taken:]])
        for one in value.items if lists and isinstance(value, List) else (value,):
            self._value(here, one)

    def _path(self, here: tuple[Shape, ...], path: Path) -> None:
        full = self._fields.prefix + path.text
        own = full in self._blocks or any(path.text in shape.members for shape in here)
        if len(path.names) == 1 and full in self._lets and not own:
            self._add("let", full, path.span)
            self._used.add(full)
            if full not in self._open:  # a constant that names itself is told as a mistake
                self._open.append(full)
                self._value(here, self._lets[full])
                self._open.pop()
        elif any(shape.references for shape in here):
            self._block(path.names, self._fields.prefix)
        elif not here:
            self.doubtful.append(path)

    def _block(self, names: Sequence[Name], prefix: str) -> None:
        """The name of a block, with the imports before it."""
        full = ".".join(name.text for name in names)
        if prefix + full not in self._blocks:
            return
        for at, name in enumerate(names[:-1]):
            self._add("import", prefix + ".".join(one.text for one in names[: at + 1]) + ".", name.span)
        self._add("block", prefix + full, names[-1].span)

    def _add(self, sort: Literal["block", "let", "import"], name: str, span: Span, *, defines: bool = False) -> None:
        self.found[Occurrence(Symbol(sort, name), span, defines)] = None


def _assigns(here: tuple[Shape, ...]) -> bool:
    return any(shape.marked(Assignments) for shape in here)
