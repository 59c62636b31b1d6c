"""Before a student is trained: which of its rows stand in the sets that students are measured on."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from cordspec.artifacts.contamination import CONTAMINATION
from cordspec.artifacts.store import write_text
from cordspec.extension.component import InvalidData
from cordspec.extension.kinds.trainer import PreferencePair, TrainingExample, contaminated
from cordspec.model import Block
from cordspec.run.contamination import compare
from cordspec.run.workshop import Workshop

Learnt = TypeVar("Learnt", TrainingExample, PreferencePair)


def screened(shop: Workshop, block: Block, examples: list[Learnt], out: Path) -> list[Learnt]:
    """Write what was found; give back the examples to train on, with `contaminated = drop` only the clean ones.

    Raises:
        InvalidData: none is clean.
    """
    action = contaminated(block.options)
    names = shop.experiment.measured_sets()
    if action == "off" or not names:
        return examples
    data = str(dict(block.refs())[("data",)])
    rows = ((one.question, one.text) for one in examples)
    found = compare(data, rows, {name: shop.problems[name] for name in names}, action)
    write_text(out / CONTAMINATION, found.to_json())
    if action == "report":
        return examples
    clean = [one for number, one in enumerate(examples, 1) if number not in found.hit_rows]
    if examples and not clean:
        message = f"every row of `{data}` stands in a set that students are measured on"
        raise InvalidData(message, "take other problems, or write `contaminated = report`")
    return clean
