"""Search trees as text, Mermaid, DOT or JSON. Colours mean fates: they are classes in Mermaid and fills in DOT."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Final, Literal, get_args

from cordspec.report.provenance.history import History
from cordspec.report.provenance.load import Provenance
from cordspec.report.provenance.tree import Branch, TreeFate, below, branches

TreeFormat = Literal["text", "mermaid", "dot", "json"]
TREE_FORMATS: Final[tuple[TreeFormat, ...]] = get_args(TreeFormat)
SCHEMA_VERSION: Final = 1
WIDTH: Final = 60
"""Characters of a step that are shown."""
FILLS: Final[dict[TreeFate, str]] = {
    "chosen": "#b7e1a1", "kept": "#fdf0b3", "dropped": "#eeeeee", "failed": "#f4b6b6", "invalid": "#f4b6b6",
    "absent": "#ffffff",
}  # fmt: skip


def draw_trees(found: Provenance, format: TreeFormat) -> str:
    """The trees of all problems in one format, without a final line break."""
    if format == "json":
        return json.dumps(_data(found), indent=2, ensure_ascii=False)
    lines = {"text": _text, "mermaid": _mermaid, "dot": _dot}[format](found)
    return "\n".join(lines)


def _data(found: Provenance) -> dict[str, object]:
    return {
        "schema_version": SCHEMA_VERSION,
        "decode": found.view.name,
        "problems": [
            {"problem": one.problem, "nodes": [asdict(branch) for branch in branches(one)]} for one in found.histories
        ],
    }


def _text(found: Provenance) -> Iterator[str]:
    for history in found.histories:
        yield f"problem {history.problem}"
        yield from _under(below(branches(history)), None, "")


def _under(tree: dict[int | None, list[Branch]], above: int | None, indent: str) -> Iterator[str]:
    nodes = tree.get(above, [])
    for node in nodes:
        last = node is nodes[-1]
        yield f"{indent}{'└─ ' if last else '├─ '}{_label(node)}"
        yield from _under(tree, node.number, indent + ("   " if last else "│  "))


def _label(node: Branch) -> str:
    after = f"after {_steps(node.after)}: " if node.after is not None else ""
    return f"{node.fate} {node.number} {_score(node)}{'+'.join(node.authors)}: {after}{_said(node)}"


def _score(node: Branch) -> str:
    return f"{node.score:.4f} " if node.score is not None else ""


def _said(node: Branch) -> str:
    """The first step on one line, how many more, whether the thinking ends, and what was mended."""
    text = " ".join(node.steps[0].split()) if node.steps else ""
    shown = text if len(text) <= WIDTH else text[: WIDTH - 1] + "…"
    more = f"+ {_steps(len(node.steps) - 1)}" if len(node.steps) > 1 else ""
    end = "</think>" if node.closes else ""
    mended = f"({', '.join(node.violations)})" if node.violations else ""
    return " ".join(part for part in (shown, more, end, mended) if part)


def _steps(count: int) -> str:
    return f"{count} step{'' if count == 1 else 's'}"


def _names(found: Provenance) -> Iterator[tuple[str, History, list[Branch]]]:
    """Each problem with a name for its nodes that no other problem has."""
    for at, history in enumerate(found.histories):
        yield f"p{at}", history, branches(history)


def _mermaid(found: Provenance) -> Iterator[str]:
    yield "flowchart LR"
    for name, history, nodes in _names(found):
        yield f'  {name}(["problem {history.problem}"])'
        for node in nodes:
            text = f"{_score(node)}{'+'.join(node.authors)}<br/>{_mermaid_text(_said(node))}"
            yield f'  {name}_{node.number}["{text}"]:::{node.fate}'
        for node in nodes:
            arrow = f"-- after {_steps(node.after)} -->" if node.after is not None else "-->"
            yield f"  {_above(name, node)} {arrow} {name}_{node.number}"
    for fate, fill in FILLS.items():
        yield f"  classDef {fate} fill:{fill},color:#000000"


def _mermaid_text(text: str) -> str:
    """Entities for what Mermaid or HTML would read as markup."""
    for character in '&#"<>':
        text = text.replace(character, f"\x00{ord(character)};")
    return text.replace("\x00", "#")


def _dot(found: Provenance) -> Iterator[str]:
    yield "digraph search {"
    yield "  rankdir = LR"
    yield "  node [shape = box, style = filled]"
    for name, history, nodes in _names(found):
        yield f'  {name} [label = "problem {_dot_text(history.problem)}", shape = oval, fillcolor = "#ffffff"]'
        for node in nodes:
            text = f"{_score(node)}{'+'.join(node.authors)}\\n{_dot_text(_said(node))}"
            yield f'  {name}_{node.number} [label = "{text}", class = "{node.fate}", fillcolor = "{FILLS[node.fate]}"]'
        for node in nodes:
            label = f' [label = "after {_steps(node.after)}"]' if node.after is not None else ""
            yield f"  {_above(name, node)} -> {name}_{node.number}{label}"
    yield "}"


def _dot_text(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _above(name: str, node: Branch) -> str:
    return name if node.above is None else f"{name}_{node.above}"
