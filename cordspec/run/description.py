"""A block as the manifest of a run has it: plain values, whatever their types in Python."""

from __future__ import annotations

from pydantic import BaseModel

from cordspec.extension.options import Interval
from cordspec.model import Block


def describe(block: Block) -> dict[str, object]:
    """Kind, component, doc comment and options."""
    return {
        "kind": block.kind,
        "component": block.component.name if block.component else None,
        "doc": block.doc,
        "options": _plain(block.options),
    }


def _plain(value: object) -> object:
    if isinstance(value, BaseModel):
        return {name: _plain(getattr(value, name)) for name in type(value).model_fields}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, Interval):
        return [value.low, value.high]
    return value if isinstance(value, (int, float, str, bool, type(None))) else str(value)
