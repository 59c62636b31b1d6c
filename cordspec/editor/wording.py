"""Types, limits and values of fields in the words of the language, for people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import annotated_types
from pydantic.fields import FieldInfo

from cordspec.editor.fields import Shape
from cordspec.extension.options import Assignments, Interval, Placeholders, Unit
from cordspec.model.values import UNITS
from cordspec.model.writing import amount, written

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
                    found[words.format(amount(getattr(mark, name), unit.dimension if unit else None))] = None
            if isinstance(mark, Placeholders):
                found["with " + ", ".join(f"`{{{name}}}`" for name in mark.names) + " exactly once"] = None
    return ", ".join(found)


def default_words(field: FieldInfo) -> str:
    """The default as it would be written; an empty text where a value is needed."""
    if field.is_required():
        return ""
    default = field.get_default(call_default_factory=True, validated_data={})
    return "none" if default is None else written(default, (field.annotation, *field.metadata), str)


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
