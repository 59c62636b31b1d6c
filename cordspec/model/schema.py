"""JSON Schema of every component's options, and of a whole spec as `cordspec show --format json` prints it."""

from __future__ import annotations

from typing import Any

from cordspec.extension.component import Component
from cordspec.extension.options import Options
from cordspec.extension.registry import Registry, RegistryError
from cordspec.model.blocks import CORE_KINDS
from cordspec.syntax.parser import KINDS

DIALECT = "https://json-schema.org/draft/2020-12/schema"
Json = dict[str, Any]


def component_schema(component: type[Component]) -> Json:
    """The options of one component."""
    return {"$schema": DIALECT, "title": f"{component.kind} : {component.name}", **_options(component.options_type)}


def spec_schema(registry: Registry) -> tuple[Json, list[str]]:
    """A whole spec with all installed components, and what is said of components that cannot be loaded."""
    blocks: list[Json] = []
    broken: list[str] = []
    definitions: Json = {}
    for kind in sorted(KINDS - {"import", "extends", "let"}):
        if kind in CORE_KINDS:
            blocks.append(_block(kind, None, CORE_KINDS[kind], definitions))
            continue
        for name in registry.names(kind):
            try:
                blocks.append(_block(kind, name, registry.get(kind, name).options_type, definitions))
            except RegistryError as error:
                broken.append(str(error))
    schema = {
        "$schema": DIALECT,
        "title": "A resolved cordspec spec",
        "type": "object",
        "required": ["format_version", "experiment", "blocks"],
        "properties": {
            "format_version": {"const": "1.0"},
            "experiment": {"type": "string", "description": "the name of the experiment block"},
            "blocks": {"type": "array", "items": {"anyOf": blocks}},
        },
        "$defs": definitions,
    }
    return schema, broken


def _block(kind: str, component: str | None, options: type[Options], definitions: Json) -> Json:
    described: Json = _options(options) if kind != "sweep" else {"type": "object"}
    definitions.update(described.pop("$defs", {}))
    return {
        "type": "object",
        "additionalProperties": False,
        "required": ["kind", "name", "component", "doc", "options"],
        "properties": {
            "kind": {"const": kind},
            "name": {"type": "string"},
            "component": {"const": component},
            "doc": {"type": "string"},
            "options": described,
            "origins": {"type": "object"},
        },
    }


def _options(options: type[Options]) -> Json:
    return options.model_json_schema(mode="serialization")
