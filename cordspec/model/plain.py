"""Blocks as plain values, for JSON: references by name, ranges as pairs."""

from __future__ import annotations

from pydantic import BaseModel

from cordspec.extension.options import Interval
from cordspec.model.experiment import Block


def describe(block: Block) -> dict[str, object]:
    """Kind, component, doc comment and options."""
    return {
        "kind": block.kind,
        "component": block.component.name if block.component else None,
        "doc": block.doc,
        "options": plain(block.options),
    }


def plain(value: object) -> object:
    """A value of options, at any depth."""
    if isinstance(value, BaseModel):
        return {name: plain(getattr(value, name)) for name in type(value).model_fields}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, Interval):
        return [value.low, value.high]
    return value if isinstance(value, (int, float, str, bool, type(None))) else str(value)
