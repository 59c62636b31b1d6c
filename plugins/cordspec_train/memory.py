"""What a training takes of each GPU, by published formulas.

An estimate to plan with: fragmentation and NCCL's buffers are left out, and nothing of it was measured on GPUs. Sources:

- *ZeRO*: `estimate_zero2_model_states_mem_needs` and `estimate_zero3_model_states_mem_needs` of DeepSpeed, for 16-bit weights
  with AdamW: 18 bytes a weight are spread over the GPUs, and the largest layer is gathered with its gradient. Stages 0 and 1
  by Rajbhandari et al., *ZeRO: Memory Optimizations Toward Training Trillion Parameter Models* (arXiv:1910.02054, section 5).
  For 32-bit weights, of which DeepSpeed says nothing: 16 bytes a weight (weight, gradient, two moments).
- *activations*: Korthikanti et al., *Reducing Activation Recomputation in Large Transformer Models* (arXiv:2205.05198,
  sections 4.1 and 5): 34 s b h bytes a layer without the attention matrix, which fused attention does not keep; with full
  recomputation 2 s b h a layer are kept, and one layer is computed again at a time.
- *head*: TRL projects to the vocabulary in tiles (`trl.kernels.chunked_logprob`), so logits are never whole; whole are the
  gradients of the projection and of what goes into it, in 32 bits.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from cordspec.plugin import MemoryLayout, MemoryPart, ModelFacts, Room, TrainingMemory
from cordspec_train.deepspeed_config import Offload

OFFLOADS: Final[tuple[Offload, ...]] = ("none", "optimizer", "parameters")
DEEPSPEED: Final = "deepspeed.runtime.zero: estimate_zero_model_states_mem_needs"
ZERO: Final = "arXiv:1910.02054, section 5"
RECOMPUTATION: Final = "arXiv:2205.05198, sections 4.1 and 5"
TILES: Final = "trl.kernels.chunked_logprob"
REFERENCE: Final = "arXiv:2305.18290, section 4"
HOST_BUFFERS: Final = 1.5
"""DeepSpeed's ``additional_buffer_factor``."""
LAYER: Final = 34
"""Bytes a token and hidden unit that one layer keeps for its backward pass, in 16-bit numbers."""


@dataclass(frozen=True, slots=True)
class TrainingShape:
    """How a training is laid out: ZeRO stage, processes in all and a host's, and the tokens of one forward pass."""

    stage: int
    processes: int
    nodes: int
    tokens: int
    activation_checkpointing: bool
    wide: bool
    """Numbers of 32 bits instead of 16."""
    adapters: bool = False
    """All weights are frozen: there are only adapters beside them, which take next to nothing."""


def training_memory(facts: ModelFacts, room: Room, shape: TrainingShape, offload: Offload) -> TrainingMemory | None:
    """The layout that is asked for, and those that hold more on the host; None where the shape of the model is not known."""
    if facts.parameters is None or facts.layers is None or facts.hidden is None or facts.vocabulary is None:
        return None
    leaner = [one for one in OFFLOADS[OFFLOADS.index(offload) + 1 :] if can_offload(shape.stage, one)]
    chosen, *others = (_layout(facts, shape, one) for one in (offload, *leaner))
    return TrainingMemory(chosen, tuple(others), room, shape.tokens)


def preference_memory(facts: ModelFacts, room: Room, tokens: int, *, adapters: bool) -> TrainingMemory | None:
    """Direct preference optimisation on one device in 32 bits; None where the shape of the model is not known.

    Args:
        tokens: of one forward pass, both texts of all pairs of a step.
        adapters: the reference is the model without them; else it is a second copy.
    """
    shape = TrainingShape(0, 1, 1, tokens, False, True, adapters)
    memory = training_memory(facts, room, shape, "none")
    if memory is None:
        return None
    assert facts.parameters
    more = () if adapters else (MemoryPart("the reference", 4 * facts.parameters, REFERENCE),)
    return replace(memory, chosen=replace(memory.chosen, parts=(*memory.chosen.parts, *more)), others=())


def can_offload(stage: int, offload: Offload) -> bool:
    """Whether DeepSpeed can hold this on the host at a stage of ZeRO."""
    return stage >= {"none": 0, "optimizer": 1, "parameters": 3}[offload]


def _layout(facts: ModelFacts, shape: TrainingShape, offload: Offload) -> MemoryLayout:
    states, largest, host = _states(facts, shape, offload)
    assert facts.layers and facts.hidden and facts.vocabulary
    kept = 2 if shape.activation_checkpointing else LAYER
    working = LAYER if shape.activation_checkpointing else 0
    activations = shape.tokens * facts.hidden * (kept * facts.layers + working) * (2 if shape.wide else 1)
    learnt = 0 if shape.adapters else facts.vocabulary
    parts = (
        MemoryPart("weights, gradients and AdamW", states, DEEPSPEED if shape.stage > 1 else ZERO),
        MemoryPart("the largest layer, gathered", largest, DEEPSPEED),
        MemoryPart("activations", activations, RECOMPUTATION),
        MemoryPart("gradients at the head", 4.0 * (learnt + shape.tokens) * facts.hidden, TILES),
    )
    return MemoryLayout(offload, tuple(part for part in parts if part.bytes), host)


def _states(facts: ModelFacts, shape: TrainingShape, offload: Offload) -> tuple[float, float, float]:
    """Bytes of model states on a GPU, of the largest gathered layer, and on a host. The largest layer is the embedding."""
    weights, many = facts.parameters or 0.0, shape.processes
    number = 4 if shape.wide else 2
    whole = 16 if shape.wide else 18
    optimizer = 8 if shape.wide else 12  # two moments, and of 16-bit weights a copy in 32 bits
    layer = 2.0 * number * (facts.vocabulary or 0) * (facts.hidden or 0) if shape.stage == 3 else 0.0
    on_host = HOST_BUFFERS * weights / shape.nodes
    local = many // shape.nodes
    if shape.adapters:
        held = number * weights / (many if shape.stage == 3 else 1)
        return (0.0, layer, number * on_host) if offload == "parameters" else (held, layer, 0.0)
    match shape.stage, offload:
        case 3, "none":
            return whole * weights / many, layer, HOST_BUFFERS * layer * local
        case 3, "optimizer":
            return number * weights / many, layer, 16 * on_host
        case 3, _:
            return 0.0, layer, whole * on_host
        case 2, "none":
            return number * weights + whole * weights / many, 0.0, 4 * local * HOST_BUFFERS * weights
        case 2, _:
            return number * weights, 0.0, max(4 * many, 16) * HOST_BUFFERS * weights
        case 1, "none":
            return 2 * number * weights + optimizer * weights / many, 0.0, 0.0
        case 1, _:
            return 2 * number * weights, 0.0, optimizer * on_host
        case _:
            return (2 * number + optimizer) * weights, 0.0, 0.0
