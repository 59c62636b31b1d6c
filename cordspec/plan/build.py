"""Experiment to graph, with a fingerprint for every stage."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from graphlib import TopologicalSorter

from pydantic import BaseModel

from cordspec.diagnostics import Diagnostic
from cordspec.errors import UsageError
from cordspec.extension.kinds.trainer import contaminated
from cordspec.extension.options import Interval, Ref, identity_fields
from cordspec.model.experiment import Block, Experiment
from cordspec.plan.graph import KIND_OF_BLOCK, Graph, Makeup, Stage
from cordspec.plan.makeup import SEEDED, Known, makeup_of

Identify = Callable[[Block], str]
"""The content hash of what a problems or model block stands for: the problems themselves, the weights."""

FORMAT = 2
"""Part of every fingerprint: raise it when a stage of the same settings begins to make something else."""


def build(experiment: Experiment, identify: Identify) -> Graph:
    """The stages of an experiment in an order in which each comes after its inputs."""
    blocks = experiment.blocks
    order = TopologicalSorter({block.name: set(_known_before(block, experiment)) for block in blocks.values()})
    fingerprints: dict[str, str] = {}
    identities: dict[str, str] = {}
    known = Known(fingerprints, identities, FORMAT)
    stages: list[Stage] = []
    makeups: dict[str, Makeup] = {}
    reached = experiment.used()
    for name in order.static_order():
        block = blocks[name]
        if name not in reached:
            continue
        if block.kind in ("problems", "model"):
            identities[name] = identify(block)
        fingerprints[name] = _fingerprint(block, known, experiment)
        if block.kind in KIND_OF_BLOCK:
            makeups[name] = makeup_of(block, experiment, known, _kept_clear_of(block, experiment))
            inputs = tuple(sorted(set(_stages_behind(block, experiment))))
            stages.append(Stage(KIND_OF_BLOCK[block.kind], name, fingerprints[name], inputs))
    position = {name: at for at, name in enumerate(blocks)}
    return Graph(experiment.name, tuple(_in_text_order(stages, position)), makeups)


def _known_before(block: Block, experiment: Experiment) -> Iterator[str]:
    """The blocks that decide what this one stands for."""
    yield from (ref.name for _, ref in block.refs())
    yield from _kept_clear_of(block, experiment)


def _kept_clear_of(block: Block, experiment: Experiment) -> Sequence[str]:
    """The problem sets whose questions are taken out of a student's training data."""
    drops = block.kind == "student" and contaminated(block.options) == "drop"
    return experiment.measured_sets() if drops else ()


def narrowed(graph: Graph, only: Sequence[str]) -> Graph:
    """The stages of these blocks and what they need; the whole graph for none.

    Raises:
        UsageError: a name is no stage.
    """
    if not only:
        return graph
    names = [stage.block for stage in graph.stages]
    for name in only:
        if name not in names:
            message = f"the spec has no stage named `{name}`"
            raise UsageError(Diagnostic("E115", message, help=f"its stages are {', '.join(names)}"))
    kept = frozenset().union(*(graph.behind(name) for name in only))
    return Graph(graph.experiment, tuple(stage for stage in graph.stages if stage.block in kept), graph.makeups)


def _stages_behind(block: Block, experiment: Experiment) -> Iterator[str]:
    """The nearest blocks behind this one that are stages."""
    for _, ref in block.refs():
        if ref.kind in KIND_OF_BLOCK:
            yield ref.name
        else:
            yield from _stages_behind(experiment.blocks[ref.name], experiment)


def _in_text_order(stages: list[Stage], position: dict[str, int]) -> Iterator[Stage]:
    """Topological order, and the order of the text where that leaves a choice."""
    waiting = sorted(stages, key=lambda stage: position[stage.block])
    done: set[str] = set()
    while waiting:
        ready = next(stage for stage in waiting if done.issuperset(stage.inputs))
        waiting.remove(ready)
        done.add(ready.block)
        yield ready


def _fingerprint(block: Block, known: Known, experiment: Experiment) -> str:
    content: list[object] = [FORMAT, block.kind]
    if block.component is not None:
        content += [block.component.name, block.component.version]
    if block.kind in ("problems", "model"):
        content.append(known.identities[block.name])
    else:
        content.append(_plain(block.options, known.fingerprints))
    if block.kind in SEEDED:
        content.append(experiment.options.seed)
    if block.kind == "student":
        content.append(block.name)  # its training seed derives from it
    if clear_of := _kept_clear_of(block, experiment):
        content.append(["clear of", *sorted(known.fingerprints[name] for name in clear_of)])
    content += [f"{helper.kind} {helper.name} {helper.version}" for helper in block.helpers]
    canonical = json.dumps(content, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def _plain(value: object, known: Mapping[str, str]) -> object:
    """Options as JSON, each reference replaced by what it stands for; a model keeps its name, which authorship uses."""
    if isinstance(value, Ref):
        return [value.name, known[value.name]] if value.kind == "model" else known[value.name]
    if isinstance(value, BaseModel):
        return {name: _plain(getattr(value, name), known) for name in identity_fields(type(value))}
    if isinstance(value, Interval):
        return [value.low, value.high]
    if isinstance(value, dict):
        return {str(key): _plain(item, known) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item, known) for item in value]
    return value
