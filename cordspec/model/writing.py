"""Checked values back to text: what `show` prints parses to the same values."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel

from cordspec.extension.options import ComponentOf, Dimension, Interval, Ref, Unit
from cordspec.model.bind import is_union, unwrap
from cordspec.model.values import UNITS

Rename = Callable[[str], str]
"""How the name of a block is written."""


def written(value: object, wanted: Any, rename: Rename) -> str:
    """A value of an options field as the language writes it."""
    wanted, marks = unwrap(wanted)
    arms = [arm for arm in get_args(wanted) if arm is not type(None)] if is_union(wanted) else []
    if arms:
        return written(value, _arm(value, arms), rename)
    unit = next((mark for mark in marks if isinstance(mark, Unit)), None)
    match value:
        case Ref():
            return rename(value.name)
        case Interval(low, high):
            return f"{_number(low)}..{_number(high)}"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return amount(value, unit.dimension if unit else None)
        case str():
            named = any(isinstance(mark, ComponentOf) for mark in marks) or get_origin(wanted) is Literal
            return value if named else json.dumps(value, ensure_ascii=False)
        case tuple():
            return f"[{', '.join(written(item, get_args(wanted)[0], rename) for item in value)}]"
        case BaseModel():
            return f"{{ {', '.join(f'{name} = {text}' for name, text in fields(value, rename).items())} }}"
        case Mapping():
            inner = get_args(wanted)[1]
            return f"{{ {', '.join(f'{name} = {written(item, inner, rename)}' for name, item in value.items())} }}"
    raise TypeError(f"a value of {type(value).__name__} is not written in a spec")


def fields(options: BaseModel, rename: Rename) -> dict[str, str]:
    """Every field of options that has a value, as text."""
    return {
        name: written(value, (field.annotation, *field.metadata), rename)
        for name, field in type(options).model_fields.items()
        if (value := getattr(options, name)) is not None
    }


def amount(value: float, dimension: Dimension | None) -> str:
    """A number with the largest unit of its dimension in which it is whole, or the smallest unit."""
    if dimension is None:
        return _number(value)
    units = UNITS[dimension]
    whole = [unit for unit, size in units.items() if value and dimension != "fraction" and value % size == 0]
    unit = max(whole, key=lambda one: units[one]) if whole else min(units, key=lambda one: units[one])
    return f"{_number(round(value / units[unit], 9))}{unit}"


def _number(value: float) -> str:
    return f"{int(value):_}" if float(value).is_integer() and abs(value) < 1e15 else repr(value)


def _arm(value: object, arms: list[Any]) -> Any:
    """The member of a union that a value is of."""
    for arm in arms:
        bare, _ = unwrap(arm)
        origin = get_origin(bare)
        if (origin or bare) is type(value) or (isinstance(bare, type) and isinstance(value, bare)):
            return arm
    return arms[0]
