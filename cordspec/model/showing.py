"""A spec after imports, `extends`, `like` and `--set`, in one file, with every value and where it comes from."""

from __future__ import annotations

import re

from cordspec.diagnostics import Span
from cordspec.extension.distributions import named
from cordspec.extension.registry import Registry
from cordspec.model.experiment import Block, Experiment
from cordspec.model.plain import describe
from cordspec.model.writing import fields


def show(experiment: Experiment, registry: Registry, *, origin: bool) -> str:
    """The spec as one text that parses to the same experiment; not laid out. ``origin`` adds a comment to each value."""
    names = _flat_names(experiment)
    parts = ["cord 1\n"]
    for block in experiment.blocks.values():
        parts += [_block(block, names, registry if origin else None)]
    return "\n".join(parts)


def origin_of(block: Block, field: str, registry: Registry) -> str:
    """Where a value comes from: a place in a file, `--set`, or the default of a component."""
    places = [span for place, span in block.spans.items() if place[0] == field]
    if places:
        return " and ".join(dict.fromkeys(_place(span) for span in places))
    if block.component is None:
        return "default"
    provider = named(registry.provider(block.component.kind, block.component.name))
    return f"default of {block.component.name} {block.component.version} ({provider})"


def _place(span: Span) -> str:
    return "--set" if span.source.name == "--set" else f"{span.source.name}:{span.line}"


def _block(block: Block, names: dict[str, str], registry: Registry | None) -> str:
    """A block with every field on a line; with a registry, where each value comes from behind it."""
    head = f"{block.kind} {names[block.name]}" + (f" : {block.component.name}" if block.component else "")
    lines = [f"## {block.doc}"] if block.doc else []
    lines.append(f"{head} {{")
    texts = _sweep_fields(block, names) if block.kind == "sweep" else fields(block.options, lambda name: names[name])
    for name, text in texts.items():
        said = f"  # {origin_of(block, name, registry)}" if registry else ""
        lines.append(f"  {name} = {text}{said}")
    return "\n".join([*lines, "}\n"])


def _sweep_fields(block: Block, names: dict[str, str]) -> dict[str, str]:
    """A sweep's assignments as they were written, with names of imported blocks as they are called here."""
    texts = {"mode": getattr(block.options, "mode", ""), "compare": getattr(block.options, "compare", "")}
    for field in ("vary", "skip", "repeat"):
        if (span := block.spans.get((field,))) is not None:
            text = " ".join(re.sub(r"#.*", "", line) for line in span.text.splitlines())
            for long, short in names.items():
                text = text.replace(long, short) if "." in long else text
            texts[field] = text
    return texts


def _flat_names(experiment: Experiment) -> dict[str, str]:
    """Names without dots, each still of one block."""
    taken = {name for name in experiment.blocks if "." not in name}
    found: dict[str, str] = {}
    for name in experiment.blocks:
        flat = name.replace(".", "_")
        while "." in name and flat in taken:
            flat += "_"
        taken.add(flat)
        found[name] = flat
    return found


def as_json(experiment: Experiment, registry: Registry, *, origin: bool) -> dict[str, object]:
    """The same as data; `cordspec schema` describes it."""
    blocks = []
    for block in experiment.blocks.values():
        described = {"name": block.name, **describe(block)}
        if block.kind == "sweep":
            described["options"] = _sweep_fields(block, {name: name for name in experiment.blocks})
        if origin:
            described["origins"] = {name: origin_of(block, name, registry) for name in type(block.options).model_fields}
        blocks.append(described)
    return {"format_version": "1.0", "experiment": experiment.name, "blocks": blocks}
