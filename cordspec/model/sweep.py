"""Sweeps: which settings vary, over which values, and which combinations of them are run."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from cordspec.diagnostics import Diagnostic, Span
from cordspec.model.blocks import SweepOptions
from cordspec.model.compose import Composition, Draft, Overlay, Scope, Setting, assign, suggest
from cordspec.syntax.nodes import List, Name, Object, Value

MOST_VARIANTS = 4_096
MOST_VALUES = 256


@dataclass(frozen=True, slots=True)
class Assignment:
    """One setting of one block at one value, as written in a sweep."""

    path: str
    block: str
    field: tuple[Name, ...]
    value: Value
    scope: Scope

    @property
    def text(self) -> str:
        return " ".join(self.value.span.text.split())

    @property
    def label(self) -> str:
        return f"{self.path}={self.text}"


Axis = tuple[Assignment, ...]
"""The values that one setting takes."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """A sweep as written. ``skip`` holds patterns: a variant is left out that agrees with all entries of one."""

    name: str
    options: SweepOptions
    axes: tuple[Axis, ...]
    repeats: tuple[Axis, ...]
    skip: tuple[Axis, ...]
    span: Span

    @property
    def size(self) -> int:
        """Variants at most, repeats included, by arithmetic: nothing is expanded."""
        lengths = [len(axis) for axis in self.axes]
        match self.options.mode:
            case "grid":
                variants = math.prod(lengths)
            case "zip":
                variants = min(lengths, default=0)
            case _:
                variants = 1 + sum(lengths)
        return variants * math.prod(len(axis) for axis in self.repeats)

    def combinations(self) -> Iterator[Axis]:
        """What is set in each variant, without repeats; the first of `one_at_a_time` sets nothing."""
        match self.options.mode:
            case "grid":
                yield from itertools.product(*self.axes)
            case "zip":
                yield from zip(*self.axes, strict=False)
            case _:
                yield ()
                yield from ((one,) for axis in self.axes for one in axis)

    def samples(self) -> Iterator[Axis]:
        """A few combinations in which every value occurs, to be checked while somebody is still writing."""
        match self.options.mode:
            case "grid":
                first = tuple(axis[0] for axis in self.axes)
                for at, axis in enumerate(self.axes):
                    yield from ((*first[:at], one, *first[at + 1 :]) for one in axis)
            case _:
                yield from self.combinations()
        yield from ((one,) for axis in self.repeats for one in axis)

    def repetitions(self) -> Iterator[Axis]:
        """What is set in each repetition of a variant."""
        yield from itertools.product(*self.repeats)


def read_sweep(draft: Draft, options: SweepOptions, composition: Composition) -> tuple[Sweep | None, list[Diagnostic]]:
    """The sweep of a block, with its paths resolved, or None where it cannot be read or is too large."""
    reader = _Reader(composition)
    axes = reader.axes(draft.settings.get("vary"))
    repeats = reader.axes(draft.settings.get("repeat"))
    skip = reader.patterns(draft.settings.get("skip"))
    sweep = Sweep(draft.name, options, axes, repeats, skip, draft.span)
    found = [*reader.diagnostics, *_sizes(sweep)]
    return (None if found else sweep), found


def _sizes(sweep: Sweep) -> Iterator[Diagnostic]:
    lengths = {len(axis) for axis in sweep.axes}
    if sweep.options.mode == "zip" and len(lengths) > 1:
        told = ", ".join(f"{axis[0].path} has {len(axis)}" for axis in sweep.axes)
        yield Diagnostic("E411", f"`zip` needs as many values of each setting: {told}", sweep.span, "make them equal")
    if sweep.size > MOST_VARIANTS:
        message = f"the sweep has {sweep.size:,} variants; the limit is {MOST_VARIANTS:,}"
        yield Diagnostic("E406", message, sweep.span, "take fewer values, or `mode = one_at_a_time`")
    for axis in (*sweep.axes, *sweep.repeats):
        if len(axis) > MOST_VALUES:
            message = f"`{axis[0].path}` has {len(axis):,} values; the limit is {MOST_VALUES}"
            yield Diagnostic("E406", message, axis[0].value.span, "take fewer values")


class _Reader:
    def __init__(self, composition: Composition) -> None:
        self._blocks = composition.blocks
        self.diagnostics: list[Diagnostic] = []

    def axes(self, setting: Setting | None) -> tuple[Axis, ...]:
        """`BLOCK.FIELD = [VALUE, ...]` entries."""
        found: list[Axis] = []
        for names, value, scope in _entries(setting, self.diagnostics):
            if not isinstance(value, List) or not value.items:
                self._tell("E202", "expected a list of values", value.span, f"write `[{value.span.text}]`")
                continue
            axis = [self._assignment(names, item, scope) for item in value.items]
            found.append(tuple(one for one in axis if one is not None))
        return tuple(axis for axis in found if axis)

    def patterns(self, setting: Setting | None) -> tuple[Axis, ...]:
        """`{ BLOCK.FIELD = VALUE, ... }` entries of a list."""
        if setting is None:
            return ()
        if not isinstance(setting.value, List):
            self._tell(
                "E202", "expected a list of patterns", setting.value.span, "such as `[{ traces.search = tree }]`"
            )
            return ()
        found = []
        for item in setting.value.items:
            entries = _entries(Setting(setting.name, item, setting.scope), self.diagnostics)
            pattern = [self._assignment(*entry) for entry in entries]
            found.append(tuple(one for one in pattern if one is not None))
        return tuple(found)

    def _assignment(self, names: Sequence[Name], value: Value, scope: Scope) -> Assignment | None:
        for taken in range(len(names) - 1, 0, -1):
            block = scope.prefix + ".".join(name.text for name in names[:taken])
            if block in self._blocks:
                path = ".".join(name.text for name in names)
                return Assignment(path, block, tuple(names[taken:]), value, scope)
        self._no_such(names)
        return None

    def _no_such(self, names: Sequence[Name]) -> None:
        first = names[0]
        if any(one.span == first.span for one in self.diagnostics):
            return
        if first.text in self._blocks:
            self._tell(
                "E111", f"`{first.text}` is a block; a sweep sets a field of it", first.span, f"{first.text}.FIELD"
            )
            return
        close = suggest(first.text, self._blocks)
        label = f"did you mean `{close}`?" if close else "the path is BLOCK.FIELD, as in beam4.size"
        self._tell("E102", f"no block named `{first.text}`", first.span, label)

    def _tell(self, code: str, message: str, span: Span, label: str) -> None:
        self.diagnostics.append(Diagnostic(code, message, span, label))


def _entries(setting: Setting | None, diagnostics: list[Diagnostic]) -> Iterator[tuple[tuple[Name, ...], Value, Scope]]:
    """The entries of a table of assignments, those that `--set` changed included."""
    if setting is None:
        return
    changed: dict[str, tuple[tuple[Name, ...], Value, Scope]] = {}
    for names, value, scope in _flat((), setting, diagnostics):
        changed[".".join(name.text for name in names)] = (names, value, scope)
    yield from changed.values()


def _flat(
    before: tuple[Name, ...], setting: Setting, diagnostics: list[Diagnostic]
) -> Iterator[tuple[tuple[Name, ...], Value, Scope]]:
    match setting.value:
        case Overlay(base, changes):
            if base is not None:
                yield from _flat(before, base, diagnostics)
            for name, change in changes.items():
                inner = (*before, Name(name, change.name.span))
                yield from (
                    _flat(inner, change, diagnostics)
                    if isinstance(change.value, Overlay)
                    else iter([(inner, change.value, change.scope)])
                )
        case Object(fields):
            for field in fields:
                yield (*before, *field.path.names), field.value, setting.scope
        case value:
            label = "such as `{ traces.search = [greedy, beam4] }`"
            diagnostics.append(Diagnostic("E202", "expected settings with their values", value.span, label))


def assigned(draft: Draft, assignments: Sequence[Assignment]) -> Draft:
    """A block with some of its settings replaced."""
    settings = dict(draft.settings)
    for one in assignments:
        assign(settings, one.field, one.value, one.scope)
    return replace(draft, settings=settings)


def by_block(assignments: Sequence[Assignment]) -> Mapping[str, list[Assignment]]:
    """Assignments under the blocks that they change."""
    found: dict[str, list[Assignment]] = {}
    for one in assignments:
        found.setdefault(one.block, []).append(one)
    return found
