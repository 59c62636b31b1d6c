"""Drawing tokens: the draw of a row depends on its own logits and its own seed, never on its place in a batch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from cordspec.plugin import Sampling

_CHUNK = 64


class UniformStream:
    """Uniform numbers in [0, 1) of one request: a counter-based generator (Philox) keyed by the request's seed."""

    def __init__(self, seed: int) -> None:
        self._generator = np.random.Generator(np.random.Philox(key=seed))
        self._drawn: list[float] = []

    def next(self) -> float:
        if not self._drawn:
            self._drawn = self._generator.random(_CHUNK).tolist()[::-1]
        return self._drawn.pop()


def draw(logits: torch.Tensor, samplings: Sequence[Sampling], uniforms: Sequence[UniformStream]) -> list[int]:
    """One token id per row, by inversion of the cumulative distribution in vocabulary order, in float64.

    Args:
        logits: (rows, vocabulary), any float type.
    """
    scores = logits.double()
    best = scores.argmax(dim=1)
    temperatures = torch.tensor([s.temperature or 1.0 for s in samplings], dtype=torch.float64, device=scores.device)
    probabilities = torch.softmax(scores / temperatures[:, None], dim=1)
    cut = [row for row, sampling in enumerate(samplings) if sampling.top_k or sampling.top_p < 1.0]
    if cut:
        rows = torch.tensor(cut, device=scores.device)
        probabilities[rows] = _truncate(probabilities[rows], [samplings[row] for row in cut])
    cumulative = probabilities.cumsum(dim=1)
    points = torch.tensor([uniform.next() for uniform in uniforms], dtype=torch.float64, device=scores.device)
    drawn = torch.searchsorted(cumulative, (points * cumulative[:, -1])[:, None], right=True)[:, 0]
    drawn = drawn.clamp_max(scores.shape[1] - 1)
    greedy = torch.tensor([sampling.temperature == 0.0 for sampling in samplings], device=scores.device)
    ids: list[int] = torch.where(greedy, best, drawn).tolist()
    return ids


def _truncate(probabilities: torch.Tensor, samplings: Sequence[Sampling]) -> torch.Tensor:
    """Zero what top-k and top-p leave out of each row, (rows, vocabulary); ties go to the lower id."""
    device, vocabulary = probabilities.device, probabilities.shape[1]
    ordered, ids = probabilities.sort(dim=1, descending=True, stable=True)
    most = torch.tensor([sampling.top_k or vocabulary for sampling in samplings], device=device)
    mass = torch.tensor([sampling.top_p for sampling in samplings], dtype=ordered.dtype, device=device)
    keep = torch.arange(vocabulary, device=device) < most[:, None]
    keep &= ordered.cumsum(1) - ordered < mass[:, None]
    return torch.zeros_like(probabilities).scatter_(1, ids, ordered * keep)
