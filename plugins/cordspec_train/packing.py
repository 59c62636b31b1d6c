"""Examples in one row without padding, and proof on the model itself, before its first step, that it keeps them apart.

TRL's padding-free collator lays the examples that a process takes at a time behind one another. Their positions begin anew
with each example, and there is no attention mask: from the positions the model has to see where an example begins. Many
architectures of transformers do; others (ALiBi, positions counted from a mask, most state-space layers) read on from one
example into the next, without an error.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import torch
from transformers import TrainerCallback

from cordspec.plugin import InvalidData
from cordspec_train.rows import BLANK

PROBED: Final = 32
"""The last so many tokens of two examples are looked at."""
REPLACED: Final = 1e-5
"""How far logits may move when another example lies before theirs, in any number format: sums are over the same numbers."""
APART: Final = {torch.float32: 1e-4, torch.bfloat16: 0.1}
"""How far logits may be from those of the example alone: sums may be taken in another order."""

Collate = Callable[[list[dict[str, Any]]], dict[str, Any]]


class KeepsApart(TrainerCallback):  # type: ignore[misc]  # transformers is untyped
    """Looks at the model as it will be trained, on each of its processes, when ZeRO has spread it over them.

    Args:
        collate: what makes batches of the rows.
        rows: those of the training.
    """

    def __init__(self, collate: Collate, rows: Any) -> None:
        self._collate = collate
        self._pair = probed_pair(rows)

    def on_train_begin(self, args: Any, state: Any, control: Any, model: Any = None, **kwargs: Any) -> None:
        training = model.training
        model.eval()
        check_kept_apart(model, self._collate, *self._pair)
        model.train(training)


def probed_pair(rows: Any) -> tuple[list[int], list[int]]:
    """The ends of the first two examples, or twice that of the only one."""
    pair = [row["input_ids"][-PROBED:] for row in rows.select(range(min(2, len(rows)))) if row["example"] != BLANK]
    return pair[0], pair[-1]


def check_kept_apart(model: Any, collate: Collate, first: Sequence[int], second: Sequence[int]) -> None:
    """Four passes over a few tokens: two examples packed, the second behind another first one, and each alone.

    Raises:
        InvalidData: the model's architecture or its implementation of attention does not keep packed examples apart.
    """
    try:
        packed = _logits(model, collate, [first, second])
        moved = _logits(model, collate, [first[::-1], second])[len(first) :]
        alone = torch.cat([_logits(model, collate, [one]) for one in (first, second)])
    except (TypeError, ValueError) as error:  # a model that knows that it cannot
        raise _refused(model, f"it says: {error}") from error
    after_another = _distance(moved, packed[len(first) :])
    if after_another > REPLACED:
        raise _refused(model, f"what lies before an example moves its logits by {after_another:.1e}")
    from_alone = _distance(packed, alone)
    if from_alone > APART.get(model.dtype, APART[torch.bfloat16]):
        raise _refused(model, f"packed examples have other logits than alone, by {from_alone:.1e}")


def _logits(model: Any, collate: Collate, examples: list[Sequence[int]]) -> torch.Tensor:
    """Logits of shape (tokens of all examples, vocabulary)."""
    batch = collate([{"input_ids": list(ids), "labels": list(ids), "example": 0} for ids in examples])
    inputs = {
        name: value.to(model.device) if isinstance(value, torch.Tensor) else value
        for name, value in batch.items()
        if name not in ("labels", "example")
    }
    with torch.no_grad():
        logits: torch.Tensor = model(**inputs, use_cache=False).logits
    return logits[0].float()


def _distance(found: torch.Tensor, wanted: torch.Tensor) -> float:
    """The largest distance of a token's logits, as a share of how much the wanted ones vary over the vocabulary."""
    spread = (wanted - wanted.mean(-1, keepdim=True)).norm(dim=-1)
    return float(((found - wanted).norm(dim=-1) / spread).max())


def _refused(model: Any, why: str) -> InvalidData:
    kind, attention = model.config.model_type, model.config._attn_implementation
    message = f"a {kind} model with {attention} attention does not keep packed examples apart: {why}"
    return InvalidData(message, "leave `packing` off for it", code="E808")
