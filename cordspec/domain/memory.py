"""What a training takes of the memory of GPUs and hosts."""

from __future__ import annotations

from dataclasses import dataclass

USABLE = 0.9
"""Share of a GPU's memory that a training is let to fill: fragments and buffers of the libraries take the rest."""


@dataclass(frozen=True, slots=True)
class Room:
    """The GPUs of a cluster, and the bytes of each."""

    gpus: int
    gpu_memory: float


@dataclass(frozen=True, slots=True)
class MemoryPart:
    """One thing that takes memory, in bytes a GPU. ``source`` says where its formula is from."""

    name: str
    bytes: float
    source: str


@dataclass(frozen=True, slots=True)
class MemoryLayout:
    """One way to lay a training out: what is held outside the GPU, and bytes a GPU and a host."""

    offload: str
    parts: tuple[MemoryPart, ...]
    host_bytes: float

    @property
    def gpu_bytes(self) -> float:
        return sum(part.bytes for part in self.parts)


@dataclass(frozen=True, slots=True)
class TrainingMemory:
    """What a training takes as it is written, and in the other layouts that its trainer knows, the leanest last."""

    chosen: MemoryLayout
    others: tuple[MemoryLayout, ...]
    room: Room
    tokens: int
    """Tokens of the sequences of one forward pass on a GPU."""

    @property
    def fits(self) -> bool:
        return self._fits(self.chosen)

    @property
    def would_fit(self) -> MemoryLayout | None:
        """The first of the other layouts that fits."""
        return next((one for one in self.others if self._fits(one)), None)

    def _fits(self, layout: MemoryLayout) -> bool:
        return layout.gpu_bytes <= self.room.gpu_memory * USABLE
