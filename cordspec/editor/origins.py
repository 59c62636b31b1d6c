"""Which value of a field is in force, and where it comes from."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path as FilePath

from cordspec.diagnostics import Span
from cordspec.editor.analysis import Analysis
from cordspec.model.compose import Draft, Overlay, Scope, Setting
from cordspec.syntax.nodes import Block, Object, Path, Value

LONGEST = 80


@dataclass(frozen=True, slots=True)
class InForce:
    """A value as it is written, and the place."""

    text: str
    span: Span


def value_in_force(draft: Draft, steps: Sequence[str]) -> InForce | None:
    """The value of a field of a block, through copies, patches and constants; None for a default."""
    setting = draft.settings.get(steps[0])
    return _in_setting(setting, steps[1:]) if setting is not None else None


def _in_setting(setting: Setting, steps: Sequence[str]) -> InForce | None:
    if not isinstance(setting.value, Overlay):
        return _in_value(setting.value, steps, setting.scope)
    if not steps:
        return InForce(_overlaid(setting.value), setting.value.span)
    if (change := setting.value.changes.get(steps[0])) is not None:
        return _in_setting(change, steps[1:])
    return _in_setting(setting.value.base, steps) if setting.value.base is not None else None


def _overlaid(overlay: Overlay) -> str:
    """An object of which single fields are set, the others being those that it had."""
    changes = (
        f"{name} = {_overlaid(one.value) if isinstance(one.value, Overlay) else shown(one.value.span.text)}"
        for name, one in overlay.changes.items()
    )
    return f"{{ {', '.join(changes)}, ... }}"


def _in_value(value: Value, steps: Sequence[str], scope: Scope) -> InForce | None:
    seen: set[str] = set()
    while steps and isinstance(value, Path) and value.text in scope.lets and value.text not in seen:
        seen.add(value.text)
        value = scope.lets[value.text]
    if not steps:
        return InForce(shown(value.span.text), value.span)
    for field in reversed(value.fields if isinstance(value, Object) else ()):
        names = [name.text for name in field.path.names]
        if names == list(steps[: len(names)]):
            return _in_value(field.value, steps[len(names) :], scope)
    return None


def shown(text: str) -> str:
    """A value on one line."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else f"{line[:LONGEST]} ..."


def origin(analysis: Analysis, here: str, span: Span) -> str:
    """Where a value was written, as seen from a block: here, in a copied or another block, or in an extended file."""
    name = _block_around(analysis, span)
    if name == here:
        return "set here" if span.source.name == analysis.source.name else f"from {place(analysis, span)}"
    return f"from `{name}`, {place(analysis, span)}" if name else f"from {place(analysis, span)}"


def place(analysis: Analysis, span: Span) -> str:
    """File and line, the file as seen from the document."""
    here = FilePath(analysis.source.name).parent
    return f"{os.path.relpath(span.source.name, here)}:{span.line}"


def _block_around(analysis: Analysis, span: Span) -> str:
    """The full name of the block in which a value stands, where it stands in one."""
    for one in analysis.loaded:
        if one.file.span.source.name == span.source.name:
            for item in one.file.items:
                if isinstance(item, Block) and item.span.start <= span.start < item.span.end:
                    return one.prefix + item.name.text
    return ""
