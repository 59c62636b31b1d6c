"""What simulated provers say: drawn scores in which a step takes after its prefix, so that the search has real choices."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from random import Random

SIBLINGS = 0.9
"""Assumed correlation of a step's score with that of its prefix, before it is squeezed into a probability."""


@lru_cache(maxsize=200_000)
def _drawn(piece: str) -> float:
    return Random(piece).gauss(0, 1)


def belief(pieces: Sequence[str], correlation: float) -> float:
    """The probability of each token of the reference answer after these pieces: a walk with one draw a piece.

    With correlation r and independent standard normal draws e, ``z_t = r z_(t-1) + sqrt(1 - r^2) e_t``; the probability
    is ``1 / (1 + exp(-z))``.
    """
    fresh, z = math.sqrt(1 - correlation**2), 0.0
    for piece in pieces:
        z = correlation * z + fresh * _drawn(piece)
    return 1 / (1 + math.exp(-z))
