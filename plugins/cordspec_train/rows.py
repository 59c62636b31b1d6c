"""The rows of a whole training in the order in which they are taken: one pass over them is all epochs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from cordspec_train.examples import IGNORED, Example
from cordspec_train.ordering import training_order

BLANK: Final = -1
"""The number of a row with nothing to learn, which fills up the last batch where every process needs a share of it."""


def ordered_rows(examples: Sequence[Example], batch_size: int, seed: int, epochs: int, filled: bool = False) -> Any:
    """A data set with ``input_ids``, ``labels`` and ``example``, the number of the example.

    ``filled`` makes it a whole number of batches with blank rows. They add no token to the loss, so it is that of a last
    batch that is smaller.
    """
    from datasets import Dataset, disable_progress_bars

    disable_progress_bars()
    order = training_order([len(example.input_ids) for example in examples], batch_size, seed, epochs)
    blank = Example([0], [IGNORED])
    numbers = [*order, *[BLANK] * (-len(order) % batch_size if filled else 0)]
    rows = [blank if number == BLANK else examples[number] for number in numbers]
    return Dataset.from_dict(
        {"input_ids": [row.input_ids for row in rows], "labels": [row.labels for row in rows], "example": numbers}
    )


def step_tokens(rows: Any, batch_size: int) -> list[int]:
    """The tokens of each optimiser step, padding left out."""
    lengths = [len(ids) for ids in rows["input_ids"]]
    return [sum(lengths[at : at + batch_size]) for at in range(0, len(lengths), batch_size)]
