"""The order of training examples: a function of seed and epoch alone, in batches of like length, batches shuffled."""

from __future__ import annotations

import random
from collections.abc import Sequence

POOL_BATCHES = 20
"""Examples are sorted by length only within so many batches, so that the order stays close to a uniform shuffle."""


def training_order(lengths: Sequence[int], batch_size: int, seed: int, epochs: int) -> list[int]:
    """The indices of all examples, ``epochs`` times each: the whole batches of every epoch, then what was left over."""
    each = [epoch_order(lengths, batch_size, seed, epoch) for epoch in range(epochs)]
    whole = len(lengths) // batch_size * batch_size
    return [at for order in each for at in order[:whole]] + [at for order in each for at in order[whole:]]


def epoch_order(lengths: Sequence[int], batch_size: int, seed: int, epoch: int) -> list[int]:
    """The indices of all examples, once each, in the order in which an epoch takes them; a part of a batch comes last.

    Batches of like length waste little on padding. They do not come sorted as well, as those of transformers' own
    grouping by length do: that is no shuffle.
    """
    rng = random.Random(f"{seed}:{epoch}")
    shuffled = rng.sample(range(len(lengths)), len(lengths))
    full: list[list[int]] = []
    rest: list[int] = []
    pool = batch_size * POOL_BATCHES
    for first in range(0, len(shuffled), pool):
        alike = sorted(shuffled[first : first + pool], key=lambda at: lengths[at])
        batches = [alike[at : at + batch_size] for at in range(0, len(alike), batch_size)]
        full += [batch for batch in batches if len(batch) == batch_size]
        rest += [at for batch in batches if len(batch) < batch_size for at in batch]
    rng.shuffle(full)
    return [at for batch in full for at in batch] + rest
