"""What a stage's fingerprint is made of, piece by piece: so that a changed fingerprint can be explained.

Equal fingerprints mean equal pieces and the other way round; the pieces are read by people and by comparisons, the
fingerprint decides.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pydantic import BaseModel

from cordspec.extension.options import Interval, Ref, identity_fields
from cordspec.model.experiment import Block, Experiment
from cordspec.plan.graph import KIND_OF_BLOCK, Makeup, Part

SEEDED: Final = frozenset({"decode", "student", "eval"})
"""The kinds of block whose results depend on the experiment's seed."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of the blocks that come before: fingerprints, and what models and problem sets are."""

    fingerprints: Mapping[str, str]
    identities: Mapping[str, str]
    format: int


def makeup_of(block: Block, experiment: Experiment, known: Known, clear_of: Sequence[str] = ()) -> Makeup:
    """The pieces of one stage, those of the blocks that it is made with included, up to the next stages.

    ``clear_of`` are the problem sets whose questions are taken out of a student's training data.
    """
    walk = _Walk(experiment.blocks, known)
    parts = [Part("format", "the format of stages", known.format), *walk.block(block, "")]
    if block.kind in SEEDED:
        parts.append(Part("seed", f"{experiment.name}.seed", experiment.options.seed))
    if block.kind == "student":
        parts.append(Part("name", "the student's name", block.name))
    for name in clear_of:
        parts.append(
            Part(f"clear of {name}", f"`{name}`, kept out of the data", known.fingerprints[name], made_from=name)
        )
    return Makeup(tuple(parts), tuple(dict.fromkeys(walk.components)))


class _Walk:
    """Goes through the blocks of one stage; each model is met once."""

    def __init__(self, blocks: Mapping[str, Block], known: Known) -> None:
        self._blocks = blocks
        self._known = known
        self._models: set[str] = set()
        self.components: list[tuple[str, str]] = []

    def block(self, block: Block, path: str) -> Iterator[Part]:
        for component in (block.component, *block.helpers):
            if component is not None:
                self.components.append((component.kind, component.name))
        if block.component is not None:
            yield Part(f"{path}component", block.name, block.component.name)
            version = f"the version of {block.component.kind} {block.component.name} ({block.name})"
            yield Part(f"{path}version", version, block.component.version)
        for helper in block.helpers:
            named = f"{helper.kind} {helper.name}"
            yield Part(f"{path}{named}", f"the version of {named} ({block.name})", helper.version)
        if block.kind in ("problems", "model"):
            yield Part(f"{path}content", f"what `{block.name}` stands for", self._known.identities[block.name])
        else:
            yield from self._options(block.options, path, f"{block.name}.")

    def _options(self, options: BaseModel, path: str, name: str) -> Iterator[Part]:
        for field in identity_fields(type(options)):
            yield from self._value(getattr(options, field), f"{path}{field}", f"{name}{field}")

    def _value(self, value: object, path: str, name: str) -> Iterator[Part]:
        if isinstance(value, BaseModel):
            yield from self._options(value, f"{path}.", f"{name}.")
        elif isinstance(value, Ref) and value.kind in KIND_OF_BLOCK:
            yield Part(path, name, self._known.fingerprints[value.name], made_from=value.name)
        elif isinstance(value, Ref) and value.kind != "model":
            yield from self.block(self._blocks[value.name], f"{path}.")
        else:
            yield Part(path, name, _plain(value))
            for model in _models(value):
                if model not in self._models:
                    self._models.add(model)
                    yield from self.block(self._blocks[model], f"model {model}.")


def _models(value: object) -> Iterator[str]:
    if isinstance(value, Ref):
        yield value.name
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _models(item)


def _plain(value: object) -> object:
    """A value as JSON; a model by its name, which authorship uses."""
    if isinstance(value, Ref):
        return value.name
    if isinstance(value, BaseModel):
        return {name: _plain(getattr(value, name)) for name in identity_fields(type(value))}
    if isinstance(value, Interval):
        return [value.low, value.high]
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value
