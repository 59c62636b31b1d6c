"""Types, limits and values of fields in the words of the language, for people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import annotated_types
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from cordspec.editor.fields import Shape, field_shapes
from cordspec.extension.options import Assignments, Interval, Placeholders, Ref, Unit
from cordspec.model.values import UNITS

PLAIN: Final = {
    int: "whole number",
    float: "number",
    bool: "`true` or `false`",
    str: "text",
    Interval: "range `LO..HI`",
}
LIMITS: Final = {
    annotated_types.Ge: ("ge", "at least {}"),
    annotated_types.Gt: ("gt", "more than {}"),
    annotated_types.Le: ("le", "at most {}"),
    annotated_types.Lt: ("lt", "less than {}"),
    annotated_types.MinLen: ("min_length", "at least {} long"),
    annotated_types.MaxLen: ("max_length", "at most {} long"),
}


def type_words(shapes: Iterable[Shape]) -> str:
    """What may be written: ``number of tokens (tok)``, ``name of a model``, ``list of texts``."""
    return " or ".join(dict.fromkeys(_type(shape) for shape in shapes))


def limit_words(shapes: Sequence[Shape]) -> str:
    """The limits of a value, an empty text for none."""
    found: dict[str, None] = {}
    unit = shapes[0].marked(Unit) if shapes else None
    for shape in shapes[:1]:
        for mark in shape.marks:
            for known, (name, words) in LIMITS.items():
                if isinstance(mark, known):
                    found[words.format(_amount(getattr(mark, name), unit))] = None
            if isinstance(mark, Placeholders):
                found["with " + ", ".join(f"`{{{name}}}`" for name in mark.names) + " exactly once"] = None
    return ", ".join(found)


def default_words(field: FieldInfo) -> str:
    """The default as it would be written; an empty text where a value is needed."""
    if field.is_required():
        return ""
    default = field.get_default(call_default_factory=True, validated_data={})
    return value_words(default, field_shapes(field))


def value_words(value: Any, shapes: Sequence[Shape]) -> str:
    """A value of options as it would be written."""
    if value is None or value is PydanticUndefined:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, BaseModel):
        inner = (
            f"{name} = {value_words(getattr(value, name), field_shapes(field))}"
            for name, field in type(value).model_fields.items()
        )
        return f"{{ {', '.join(inner)} }}"
    if isinstance(value, Interval):
        return f"{value.low:g}..{value.high:g}"
    if isinstance(value, (list, tuple)):
        entries = tuple(one for shape in shapes for one in shape.items)
        return f"[{', '.join(value_words(one, entries) for one in value)}]"
    if isinstance(value, dict):
        return "{}" if not value else "{ ... }"
    if isinstance(value, str):
        bare = any(value in shape.members or shape.component_of for shape in shapes)
        return value if bare else f'"{value}"'
    if isinstance(value, Ref):
        return value.name
    if isinstance(value, (int, float)):
        return _amount(value, next((unit for shape in shapes if (unit := shape.marked(Unit))), None))
    return str(value)


def _type(shape: Shape) -> str:
    if unit := shape.marked(Unit):
        return f"number with a unit ({', '.join(UNITS[unit.dimension])})"
    if shape.references:
        return f"name of a {' or '.join(shape.references)}"
    if shape.component_of:
        return f"name of a {shape.component_of} component"
    if shape.members:
        return "one of " + ", ".join(f"`{member}`" for member in shape.members)
    if shape.marked(Assignments):
        return "settings of other blocks"
    if shape.options is not None:
        return f"`{{ {', '.join(shape.options.model_fields)} }}`"
    if shape.items:
        return f"list, each a {type_words(shape.items)}"
    if shape.entries:
        return f"`{{ name = ... }}`, each a {type_words(shape.entries)}"
    return PLAIN.get(shape.type, "value")


def _amount(value: float, unit: Unit | None) -> str:
    if unit is None:
        return f"{value:_}" if isinstance(value, int) else f"{value:g}"
    units = UNITS[unit.dimension]
    fitting = [(name, size) for name, size in units.items() if value >= size and (value / size) % 1 == 0]
    if unit.dimension == "fraction" or not fitting:
        name, size = next(iter(units.items()))
    else:
        name, size = max(fitting, key=lambda one: one[1])
    amount = round(value / size, 9)
    return f"{int(amount):_}{name}" if amount == int(amount) else f"{amount:g}{name}"
