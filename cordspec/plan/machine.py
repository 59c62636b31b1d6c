"""Seconds on GPUs, from published figures of one GPU and simple arithmetic. An estimate to plan with, nothing measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cordspec.domain.facts import ModelFacts


@dataclass(frozen=True, slots=True)
class Gpu:
    """Peak figures of a GPU, and the shares of them that engines are assumed to reach."""

    name: str = "H100 SXM"
    flops: float = 989e12
    bandwidth: float = 3.35e12
    flops_share: float = 0.5
    bandwidth_share: float = 0.75
    iteration: float = 0.003
    """Seconds that each iteration of an engine takes beside its arithmetic."""
    memory_share: float = 0.9


BYTES_A_WEIGHT: Final = 2
TRAINING_SHARE: Final = 0.4
"""Share of the peak that training reaches."""


def resident_tokens(model: ModelFacts, gpus: int, memory: float, gpu: Gpu) -> float | None:
    """Tokens whose states fit beside the weights."""
    if model.parameters is None or not model.kv_bytes or not gpus:
        return None
    room = gpus * memory * gpu.memory_share - model.parameters * BYTES_A_WEIGHT
    return max(0.0, room) / model.kv_bytes


def generation_seconds(tokens: float, context: float, room: float, model: ModelFacts, gpus: int, gpu: Gpu) -> float:
    """To generate tokens with as many sequences of this context at once as there is room for."""
    assert model.parameters is not None and model.kv_bytes
    batch = max(1.0, room / max(context, 1.0))
    reads = model.parameters * BYTES_A_WEIGHT + batch * context * model.kv_bytes
    memory_time = reads / (gpus * gpu.bandwidth * gpu.bandwidth_share)
    compute_time = batch * 2 * model.parameters / (gpus * gpu.flops * gpu.flops_share)
    return tokens / batch * (max(memory_time, compute_time) + gpu.iteration)


def prefill_seconds(tokens: float, model: ModelFacts, gpus: int, gpu: Gpu) -> float:
    """To read prompt tokens."""
    assert model.parameters is not None
    return tokens * 2 * model.parameters / (gpus * gpu.flops * gpu.flops_share)


def training_seconds(tokens: float, model: ModelFacts, gpus: int, gpu: Gpu) -> float | None:
    """Forward and backward over so many tokens: six operations a weight and token."""
    if model.parameters is None or not gpus:
        return None
    return tokens * 6 * model.parameters / (gpus * gpu.flops * TRAINING_SHARE)
