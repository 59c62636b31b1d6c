"""Who judges the answers of an evaluation: the models, and what they are asked."""

from __future__ import annotations

from collections.abc import Iterator

from cordspec.extension.kinds.evaluator import Evaluator
from cordspec.extension.options import Ref
from cordspec.model import Block
from cordspec.plan.graph import Makeup


def named(block: Block) -> str:
    """The models beside the one that is measured, by their blocks' names."""
    return f"model {', '.join(ref.name for _, ref in _judges(block))}"


def identity(block: Block, makeup: Makeup) -> dict[str, object]:
    """All that decides what is said of an answer, by place: what the judges' blocks stand for, whatever they are called, and
    how they are asked (`Evaluator.judging_options`; every option where an evaluator does not tell which).
    """
    assert block.component is not None and issubclass(block.component, Evaluator)
    judges = dict(_judges(block))
    names = {field.partition(".")[0] for field in judges}
    asking = {*(block.component.judging_options or type(block.options).model_fields)} - {"model", "problems"}
    found: dict[str, object] = {}
    for part in makeup.parts:
        if part.path in ("component", "version"):
            found[f"evaluator.{part.path}"] = part.value
        elif part.path in names and not part.made_from:
            continue  # what the block is called; what it stands for follows
        elif part.path.partition(".")[0] in asking:
            found[part.path] = part.value
    for field, ref in judges.items():
        behind = f"model {ref.name}."
        found |= {
            f"{field}.{part.path.removeprefix(behind)}": part.value
            for part in makeup.parts
            if part.path.startswith(behind)
        }
    return found


def _judges(block: Block) -> Iterator[tuple[str, Ref]]:
    """The references to models with the fields that hold them, but for the one that is measured."""
    for place, ref in block.refs():
        if place != ("model",) and ref.kind in ("model", "student"):
            yield ".".join(place), ref
