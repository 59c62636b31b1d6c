"""Values of the text to values of the options' types: units, references, enum members; each mistake at its place."""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from cordspec.diagnostics import Diagnostic, Fix, Label, Span
from cordspec.extension.options import Assignments, ComponentOf, Interval, Options, Placeholders, Ref, RefTo, Unit
from cordspec.model import values
from cordspec.model.compose import Draft, Overlay, Scope, Setting, assign, suggest
from cordspec.model.values import Wrong, located, mistake
from cordspec.syntax.nodes import Bool, Hole, List, Number, Object, Path, Text, Value


@dataclass(frozen=True, slots=True)
class Names:
    """What names may mean while values are bound: the blocks of the spec and the installed components."""

    blocks: Mapping[str, Draft]
    components: Callable[[str], Sequence[str]]
    lost: Set[str] = frozenset()
    lost_kinds: Set[str] = frozenset()
    """What broken parts of the text may have defined: nothing is said about a name that is missing for that reason."""


@dataclass(slots=True)
class Binder:
    """Binds the settings of one block to the options of its component."""

    names: Names
    kind: str
    diagnostics: list[Diagnostic] = field(default_factory=list)
    spans: dict[tuple[str, ...], Span] = field(default_factory=dict)

    def bind(self, draft: Draft, options: type[Options], what: str) -> Options | None:
        """The checked options of a block, or None when something is wrong with them."""
        values = self._fields(draft.settings, options, draft.span, what, (), damaged=draft.damaged)
        return self._validated(options, values, draft.span) if values is not None else None

    # objects

    def _fields(
        self, settings: Mapping[str, Setting], options: type[BaseModel], head: Span, what: str, place: tuple[str, ...],
        *, damaged: bool = False,
    ) -> dict[str, object] | None:  # fmt: skip
        before = len(self.diagnostics)
        values: dict[str, object] = {}
        for name, setting in settings.items():
            known = options.model_fields.get(name)
            self.spans[(*place, name)] = setting.value.span
            if known is None:
                self._unknown_field(setting, options, what)
                continue
            marked = Annotated[(known.annotation, *known.metadata)] if known.metadata else known.annotation
            try:
                values[name] = self._value(setting.value, marked, setting.scope, (*place, name))
            except Wrong as wrong:
                self.diagnostics += wrong.diagnostics
                values[name] = None
        missing = [name for name, known in options.model_fields.items() if known.is_required() and name not in settings]
        for name in () if damaged else missing:
            message = f"{what} needs `{name}`: {options.model_fields[name].description}"
            self.diagnostics.append(Diagnostic("E112", message, head, f"add `{name} = ...`"))
        failed = (
            len(self.diagnostics) > before
            or (damaged and missing)
            or any(value is None and name in settings for name, value in values.items())
        )
        return None if failed else values

    def _unknown_field(self, setting: Setting, options: type[BaseModel], what: str) -> None:
        name = setting.name
        close = suggest(name.text, options.model_fields)
        fields = ", ".join(options.model_fields) or "none"
        label = f"did you mean `{close}`?" if close else f"its fields: {fields}"
        fixes = (Fix(f"write `{close}`", name.span, close),) if close else ()
        self.diagnostics.append(Diagnostic("E110", f"{what} has no field `{name.text}`", name.span, label, fixes=fixes))

    def _validated(self, options: type[Options], values: dict[str, object], head: Span) -> Options | None:
        try:
            return options.model_validate(values)
        except ValidationError as error:
            told = [self._constraint(detail, head) for detail in error.errors(include_url=False)]
            first = {diagnostic.span: diagnostic for diagnostic in reversed(told)}  # one a value, whatever its arms
            self.diagnostics += first.values()
            return None

    def _constraint(self, detail: ErrorDetails, head: Span) -> Diagnostic:
        path = tuple(str(part) for part in detail["loc"] if isinstance(part, str))
        place = next((path[:n] for n in range(len(path), 0, -1) if path[:n] in self.spans), path[:1])
        span = self.spans.get(place, head)
        limits = detail.get("ctx", {})
        words = {
            "greater_than": "it must be greater than {gt}", "greater_than_equal": "it must be at least {ge}",
            "less_than": "it must be less than {lt}", "less_than_equal": "it must be at most {le}",
            "too_short": "at least {min_length} needed", "too_long": "at most {max_length} allowed",
            "value_error": "{error}",
        }  # fmt: skip
        said = words.get(detail["type"], "it does not fit").format(**limits)
        return Diagnostic("E204", f"`{'.'.join(place) or span.text}` is out of range", span, said)

    # values

    def _value(self, value: Value | Overlay, wanted: Any, scope: Scope, place: tuple[str, ...]) -> object:
        """The value as ``wanted``, a type with our marks.

        Raises:
            Wrong: it does not fit.
        """
        if isinstance(value, Hole):
            raise Wrong()
        wanted, marks = unwrap(wanted)
        if any(isinstance(mark, Assignments) for mark in marks):
            return () if get_origin(wanted) is tuple else {}  # read by `cordspec.model.sweep`
        if isinstance(value, Overlay):
            return self._overlaid(value, wanted, place)
        arms = [arm for arm in get_args(wanted) if arm is not type(None)] if is_union(wanted) else []
        if arms:
            return self._one_of(value, arms, scope, place)
        value = self._constant(value, wanted, marks, scope)
        for mark in marks:
            match mark:
                case Unit(dimension):
                    return values.quantity(value, dimension, whole=wanted is int)
                case RefTo(kinds):
                    return self._reference(value, kinds, scope)
                case ComponentOf(kind):
                    return self._component(value, kind)
                case Placeholders(names):
                    return values.template(value, names)
        return self._plain(value, wanted, scope, place)

    def _one_of(self, value: Value, arms: Sequence[Any], scope: Scope, place: tuple[str, ...]) -> object:
        failures: list[Wrong] = []
        for arm in arms:
            try:
                return self._value(value, arm, scope, place)
            except Wrong as wrong:
                failures.append(wrong)
        as_list = [isinstance(value, List) == (get_origin(unwrap(arm)[0]) in (list, tuple)) for arm in arms]
        as_text = [isinstance(value, Text) == (unwrap(arm)[0] is str) for arm in arms]
        best = max(range(len(arms)), key=lambda at: (as_list[at], as_text[at], -at))
        raise failures[best]

    def _constant(self, value: Value, wanted: Any, marks: Sequence[object], scope: Scope) -> Value:
        """A bare name of a ``let`` stands for its value, unless the field itself knows the name."""
        seen: set[str] = set()
        while isinstance(value, Path) and len(value.names) == 1 and value.text in scope.lets:
            block = self.names.blocks.get(scope.prefix + value.text)
            kinds = [kind for mark in marks if isinstance(mark, RefTo) for kind in mark.kinds]
            own = value.text in get_args(wanted) or (block is not None and block.kind in kinds)
            if own or value.text in seen:
                break
            seen.add(value.text)
            value = scope.lets[value.text]
        return value

    def _plain(self, value: Value, wanted: Any, scope: Scope, place: tuple[str, ...]) -> object:
        origin = get_origin(wanted)
        if origin is Literal:
            return values.member(value, [str(member) for member in get_args(wanted)])
        if origin in (list, tuple):
            return self._list(value, get_args(wanted)[0], scope, place)
        if origin is dict:
            return self._table(value, get_args(wanted)[1], scope, place)
        if isinstance(wanted, type) and issubclass(wanted, BaseModel):
            return self._object(value, wanted, scope, place)
        if wanted is Interval:
            return values.interval(value)
        if wanted is bool:
            if isinstance(value, Bool):
                return value.value
            low = value.span.text.lower()
            raise Wrong(mistake(value, "`true` or `false`", low if low in ("true", "false") else ""))
        if wanted is str:
            if isinstance(value, Text):
                return values.no_address(value) if self.kind == "model" else value.value
            fix = f'"{value.span.text}"' if isinstance(value, (Path, Number, Bool)) else ""
            raise Wrong(mistake(value, "a quoted text", fix))
        return values.number(value, whole=wanted is int)

    def _reference(self, value: Value, kinds: Sequence[str], scope: Scope) -> Ref:
        wanted = " or ".join(kinds)
        if isinstance(value, Text):
            message = f"{value.span.text} is a text, but this names a {wanted}"
            fix = value.value if self._find(value.value, scope) else ""
            raise Wrong(located("E202", message, value.span, f"the name of a {wanted} block, without quotes", fix))
        if not isinstance(value, Path):
            raise Wrong(mistake(value, f"the name of a {wanted} block", ""))
        found = self._find(value.text, scope)
        if found is None:
            if scope.prefix + value.text in self.names.lost or not self.names.lost_kinds.isdisjoint(kinds):
                raise Wrong()
            raise Wrong(self._no_such_block(value, kinds, scope))
        if found.kind not in kinds:
            message = f"`{value.text}` is a {found.kind}, but this names a {wanted}"
            related = (Label(found.span, f"this is a {found.kind}"),)
            raise Wrong(Diagnostic("E103", message, value.span, f"name a {wanted}", related))
        return Ref(found.kind, found.name)

    def _find(self, name: str, scope: Scope) -> Draft | None:
        return self.names.blocks.get(scope.prefix + name)

    def _no_such_block(self, value: Path, kinds: Sequence[str], scope: Scope) -> Diagnostic:
        fitting = [draft for draft in self.names.blocks.values() if draft.kind in kinds]
        close = suggest(value.text, (draft.name for draft in fitting))
        message = f"no {' or '.join(kinds)} named `{value.text}`"
        if not close:
            names = ", ".join(draft.name for draft in fitting) or "none defined"
            return Diagnostic("E102", message, value.span, f"known here: {names}")
        near = next(draft for draft in fitting if draft.name == close)
        related = (Label(near.span, "a block with a similar name is defined here"),)
        fix = Fix(f"write `{close}`", value.span, close)
        return Diagnostic("E102", message, value.span, f"did you mean `{close}`?", related, fixes=(fix,))

    def _component(self, value: Value, kind: str) -> str:
        if not isinstance(value, Path):
            fix = value.value if isinstance(value, Text) and value.value in self.names.components(kind) else ""
            raise Wrong(mistake(value, f"the name of a {kind}", fix))
        if value.text not in self.names.components(kind):
            close = suggest(value.text, self.names.components(kind))
            label = f"did you mean `{close}`?" if close else f"installed: {', '.join(self.names.components(kind))}"
            raise Wrong(located("E301", f"no {kind} named `{value.text}` is installed", value.span, label, close))
        return value.text

    def _list(self, value: Value, item: Any, scope: Scope, place: tuple[str, ...]) -> tuple[object, ...]:
        if not isinstance(value, List):
            raise Wrong(mistake(value, "a list", f"[{value.span.text}]"))
        items: list[object] = []
        wrongs: list[Diagnostic] = []
        holes = False
        for entry in value.items:
            try:
                items.append(self._value(entry, item, scope, place))
            except Wrong as wrong:
                wrongs += wrong.diagnostics
                holes = True
        if holes:
            raise Wrong(*wrongs)
        return tuple(items)

    def _table(self, value: Value, item: Any, scope: Scope, place: tuple[str, ...]) -> dict[str, object]:
        if not isinstance(value, Object):
            raise Wrong(mistake(value, "`{ name = value, ... }`", ""))
        self.spans.update({(*place, entry.path.text): entry.path.span for entry in value.fields})
        return {
            entry.path.text: self._value(entry.value, item, scope, (*place, entry.path.text)) for entry in value.fields
        }

    def _object(self, value: Value, wanted: type[BaseModel], scope: Scope, place: tuple[str, ...]) -> object:
        return self._inner(self._settings(value, wanted, scope), wanted, value.span, place)

    def _overlaid(self, overlay: Overlay, wanted: Any, place: tuple[str, ...]) -> object:
        """An object with some of its fields set one by one, each read in the file that set it."""
        if not (isinstance(wanted, type) and issubclass(wanted, BaseModel)):
            name = ".".join(place)
            raise Wrong(located("E110", f"`{name}` has no fields", overlay.span, f"set `{name}` itself"))
        return self._inner(self._merged(overlay, wanted), wanted, overlay.span, place)

    def _merged(self, overlay: Overlay, wanted: type[BaseModel]) -> dict[str, Setting]:
        settings: dict[str, Setting] = {}
        if overlay.base is not None:
            base = overlay.base
            if isinstance(base.value, Overlay):
                settings = self._merged(base.value, wanted)
            else:
                settings = self._settings(self._constant(base.value, wanted, (), base.scope), wanted, base.scope)
        for name, change in overlay.changes.items():
            inner = change.value
            if isinstance(inner, Overlay) and inner.base is None and name in settings:
                settings[name] = Setting(change.name, Overlay(settings[name], inner.changes, inner.span), change.scope)
            else:
                settings[name] = change
        return settings

    def _settings(self, value: Value, wanted: type[BaseModel], scope: Scope) -> dict[str, Setting]:
        if not isinstance(value, Object):
            raise Wrong(mistake(value, f"`{{ {', '.join(wanted.model_fields)} }}`", ""))
        settings: dict[str, Setting] = {}
        given: set[str] = set()
        for entry in value.fields:
            if entry.path.text in given:
                raise Wrong(located("E109", f"`{entry.path.text}` is given twice", entry.path.span, "again"))
            given.add(entry.path.text)
            assign(settings, entry.path.names, entry.value, scope)
        return settings

    def _inner(
        self, settings: Mapping[str, Setting], wanted: type[BaseModel], span: Span, place: tuple[str, ...]
    ) -> dict[str, object]:
        inner = self._fields(settings, wanted, span, f"`{'.'.join(place)}`", place)
        if inner is None:
            raise Wrong()
        return inner


def unwrap(wanted: Any) -> tuple[Any, list[object]]:
    """The type under all ``Annotated`` layers, and their marks."""
    marks: list[object] = []
    if isinstance(wanted, tuple):  # a field of pydantic, with its marks beside it
        wanted, *marks = wanted
    while get_origin(wanted) is Annotated:
        wanted, *more = get_args(wanted)
        marks = [*more, *marks]
    return wanted, marks


def is_union(wanted: Any) -> bool:
    return get_origin(wanted) in (Union, types.UnionType)
