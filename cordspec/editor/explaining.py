"""Fields, blocks and components in words, as Markdown."""

from __future__ import annotations

import inspect
from collections.abc import Sequence

from pydantic.fields import FieldInfo

from cordspec.editor.analysis import Analysis
from cordspec.editor.fields import ITEM, Fields, field_shapes
from cordspec.editor.headers import Header
from cordspec.editor.origins import origin, place, value_in_force
from cordspec.editor.wording import default_words, limit_words, type_words
from cordspec.extension.component import Component
from cordspec.extension.options import Options
from cordspec.model.compose import Draft


def block_words(analysis: Analysis, draft: Draft) -> str:
    """A block: its kind, component, description and place."""
    component = f" : {draft.component.text}" if draft.component else ""
    parts = [f"`{draft.kind} {draft.name}{component}`", draft.doc, place(analysis, draft.span)]
    return "\n\n".join(part for part in parts if part)


def component_words(component: type[Component]) -> str:
    """A component: its description and its options."""
    title = f"**{component.kind} `{component.name}`**, version {component.version}"
    rows = [_row(name, field) for name, field in component.options_type.model_fields.items()]
    described = inspect.cleandoc(component.__doc__) if component.__doc__ else ""
    return "\n\n".join(part for part in (title, described, "\n".join(rows)) if part)


def field_words(analysis: Analysis, header: Header, steps: Sequence[str]) -> str:
    """A field of a block, or of another block where a sweep sets it; an empty text for one that does not exist."""
    fields = Fields(analysis.composition.blocks, analysis.registry)
    names = [step for step in steps if step != ITEM]
    if header.kind != "sweep" or len(names) == 1:
        return _words(analysis, header, header.options(analysis), names, header.draft(analysis))
    found = fields.block_of(names[1:])
    if found is None or found[1] == len(names) - 1:
        return ""
    draft, taken = found
    return _words(analysis, header, fields.options_of(draft), names[1 + taken :], draft)


def _words(
    analysis: Analysis, header: Header, options: type[Options] | None, names: Sequence[str], draft: Draft | None
) -> str:
    """What a field is for, what it may be, and what it is."""
    outer = Fields(analysis.composition.blocks, analysis.registry).at(options, names[:-1])
    inside = next((shape.options for shape in outer if shape.options is not None), None)
    field = inside.model_fields.get(names[-1]) if inside is not None else None
    if field is None:
        return ""
    wanted = field_shapes(field)
    limits, default = limit_words(wanted), default_words(field)
    parts = [
        f"**{'.'.join(names)}**: {type_words(wanted)}",
        field.description or "",
        f"Limits: {limits}" if limits else "",
        f"Default: `{default}`" if default else "A value is needed.",
        _in_force(analysis, header, draft, names, default) if draft is not None else "",
    ]
    return "\n\n".join(part for part in parts if part)


def _in_force(analysis: Analysis, header: Header, draft: Draft, names: Sequence[str], default: str) -> str:
    value = value_in_force(draft, names)
    if value is not None:
        return f"In force: `{value.text}`, {origin(analysis, header.name, value.span)}"
    if not default:
        return ""
    fields = Fields(analysis.composition.blocks, analysis.registry)
    component = fields.component(draft.kind, draft.component.text) if draft.component else None
    owner = f"{draft.kind} `{component.name}` version {component.version}" if component else f"`{draft.kind}`"
    return f"In force: `{default}`, the default of {owner}"


def _row(name: str, field: FieldInfo) -> str:
    default = default_words(field)
    told = f", default `{default}`" if default else ", needed"
    return f"- `{name}`: {type_words(field_shapes(field))}{told}. {field.description or ''}".rstrip()
