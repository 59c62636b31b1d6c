"""Seconds of one iteration of an engine: weights and states are read, or computed with, whichever takes longer.

With F operations and R bytes on g GPUs: ``max(F / (g x flops x share), R / (g x bandwidth x share)) + constant``. A token
takes two operations a weight; an iteration reads all weights and the states of every sequence in it. Left out: operations
of attention (a tenth at 5,000 tokens of context on a 32B model), activations, and what GPUs tell each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cordspec.domain.facts import ModelFacts
from cordspec.plan.machine import BYTES_A_WEIGHT, Gpu, resident_tokens

SEQUENCES: Final = 256
"""Sequences at a time, as vLLM serves by default."""
SATURATED: Final = 0.9
"""A batch saturates an engine from the size at which it writes this share of the tokens a second of a full one."""


@dataclass(frozen=True, slots=True)
class Timing:
    """One replica of a model. ``resident`` is the tokens whose states fit beside the weights."""

    weights: float
    """Seconds to read all weights."""
    state: float
    """Seconds to read one token's states."""
    token: float
    """Seconds to compute one token."""
    constant: float
    resident: int

    @staticmethod
    def of(facts: ModelFacts, gpus: int, memory: float, gpu: Gpu) -> Timing:
        """The constants of a model on so many GPUs of so many bytes of memory each."""
        assert facts.parameters is not None and facts.kv_bytes is not None
        bandwidth = gpus * gpu.bandwidth * gpu.bandwidth_share
        room = resident_tokens(facts, gpus, memory, gpu) or 0.0
        return Timing(
            facts.parameters * BYTES_A_WEIGHT / bandwidth,
            facts.kv_bytes / bandwidth,
            2 * facts.parameters / (gpus * gpu.flops * gpu.flops_share),
            gpu.iteration,
            int(room),
        )

    def iteration(self, tokens: int, context: int) -> float:
        """Seconds of one iteration over so many new tokens that reads the states of ``context`` tokens."""
        return max(tokens * self.token, self.weights + context * self.state) + self.constant

    def decoding(self, batch: int, context: int, count: int) -> float:
        """Seconds of ``count`` iterations, each of which adds one token to each sequence of the batch.

        Args:
            context: tokens whose states the first iteration reads, over all sequences.
        """
        compute = batch * self.token
        read, growth = self.weights + context * self.state, batch * self.state
        until = 0 if compute <= read else min(count, int((compute - read) / growth) + 1)
        rest = count - until
        reads = rest * (read + until * growth) + growth * rest * (rest - 1) / 2
        return until * compute + reads + count * self.constant

    def iterations(self, batch: int, context: int, most: int, seconds: float) -> int:
        """The fewest iterations of `decoding` that take so many seconds, at most ``most``."""
        low, high = 0, most
        while low < high:
            middle = (low + high) // 2
            if self.decoding(batch, context, middle) >= seconds:
                high = middle
            else:
                low = middle + 1
        return low

    def saturated(self, batch: int, context: int) -> bool:
        """Whether a batch writes about as many tokens a second as a full one: as many sequences of its mean length as fit
        into the memory when they share nothing.
        """
        if not batch:
            return False
        mean = context / batch
        full = min(float(SEQUENCES), self.resident / mean)
        return self._rate(batch, mean) >= SATURATED * self._rate(full, mean)

    def _rate(self, batch: float, mean: float) -> float:
        """Tokens a second of so many sequences of this mean length."""
        return batch / (max(batch * self.token, self.weights + batch * mean * self.state) + self.constant)
