"""The graph as text: a tree for people, Mermaid and DOT for documents, JSON for programs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal, get_args

from cordspec.model import Experiment
from cordspec.plan.graph import Graph, Stage

GraphFormat = Literal["tree", "mermaid", "dot", "json"]
GRAPH_FORMATS: Final[tuple[GraphFormat, ...]] = get_args(GraphFormat)


def draw(graph: Graph, experiment: Experiment, format: GraphFormat) -> str:
    """The graph in one format, without a final line break."""
    if format == "json":
        import json

        return json.dumps(_as_json(graph, experiment), indent=2)
    lines = {"tree": _tree, "mermaid": _mermaid, "dot": _dot}[format](graph, experiment)
    return "\n".join(lines)


def parts(stage: Stage, experiment: Experiment) -> list[str]:
    """The blocks that a stage is made with and that are no stages themselves, as ``field block : component``."""
    block = experiment.blocks[stage.block]
    found = []
    for place, ref in block.refs():
        inner = experiment.blocks[ref.name]
        if inner.kind not in ("problems", "decode", "student"):
            named = f" : {inner.component.name}" if inner.component else ""
            found.append(f"{'.'.join(place)} = {ref.name}{named}")
    return found


def _title(stage: Stage, experiment: Experiment) -> str:
    component = experiment.blocks[stage.block].component
    return f"{stage.kind} {stage.block}" + (f" : {component.name}" if component else "")


def _tree(graph: Graph, experiment: Experiment) -> Iterator[str]:
    """The last stages first, below each what it is made from; a stage that was shown is not shown again."""
    yield graph.experiment
    used = {name for stage in graph.stages for name in stage.inputs}
    shown: set[str] = set()
    last = [stage for stage in graph.stages if stage.block not in used]
    for at, stage in enumerate(last):
        yield from _branch(graph, experiment, stage, "", at == len(last) - 1, shown)


def _branch(
    graph: Graph, experiment: Experiment, stage: Stage, indent: str, last: bool, shown: set[str]
) -> Iterator[str]:
    again = stage.block in shown
    shown.add(stage.block)
    yield f"{indent}{'└─ ' if last else '├─ '}{_title(stage, experiment)}{' (above)' if again else ''}"
    if again:
        return
    deeper = indent + ("   " if last else "│  ")
    for part in parts(stage, experiment):
        yield f"{deeper}{'│  ' if stage.inputs else '   '}{part}"
    for at, name in enumerate(stage.inputs):
        inner_last = at == len(stage.inputs) - 1
        yield from _branch(graph, experiment, graph.of_block(name), deeper, inner_last, shown)


def _mermaid(graph: Graph, experiment: Experiment) -> Iterator[str]:
    yield "flowchart LR"
    numbers = {stage.block: f"s{at}" for at, stage in enumerate(graph.stages)}
    for stage in graph.stages:
        text = "<br/>".join([_title(stage, experiment), *parts(stage, experiment)])
        yield f'  {numbers[stage.block]}["{text}"]'
    for stage in graph.stages:
        for name in stage.inputs:
            yield f"  {numbers[name]} --> {numbers[stage.block]}"


def _dot(graph: Graph, experiment: Experiment) -> Iterator[str]:
    yield "digraph cordspec {"
    yield "  rankdir = LR"
    yield "  node [shape = box]"
    for stage in graph.stages:
        text = "\\n".join([_title(stage, experiment), *parts(stage, experiment)])
        yield f'  "{stage.block}" [label = "{text}"]'
    for stage in graph.stages:
        for name in stage.inputs:
            yield f'  "{name}" -> "{stage.block}"'
    yield "}"


def _as_json(graph: Graph, experiment: Experiment) -> dict[str, object]:
    return {
        "format_version": "1.0",
        "experiment": graph.experiment,
        "stages": [
            {
                "kind": stage.kind,
                "block": stage.block,
                "component": component.name if (component := experiment.blocks[stage.block].component) else None,
                "inputs": list(stage.inputs),
                "parts": parts(stage, experiment),
            }
            for stage in graph.stages
        ],
    }
