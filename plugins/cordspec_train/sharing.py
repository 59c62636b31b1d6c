"""How the batch of an optimiser step is shared by the processes of a training."""

from __future__ import annotations

from dataclasses import dataclass

from cordspec.plugin import InvalidData


@dataclass(frozen=True, slots=True)
class Shares:
    """``nodes`` machines with ``ranks`` processes each; each takes ``accumulation`` times ``micro`` examples a step.

    Processes take runs of ``micro`` examples in turns, so that a step learns from the same examples however many there are.
    """

    nodes: int
    ranks: int
    micro: int
    accumulation: int

    @property
    def processes(self) -> int:
        return self.nodes * self.ranks


def shares(batch_size: int, nodes: int, ranks: int, micro: int) -> Shares:
    """Divide a batch.

    Raises:
        InvalidData: it cannot be divided equally.
    """
    together = nodes * ranks * micro
    if batch_size % together:
        message = (
            f"batch_size {batch_size} is no multiple of {nodes} nodes x {ranks} ranks x {micro} examples at a time"
        )
        raise InvalidData(
            message, "each process needs an equal share: change batch_size, ranks or micro_batch", code="E807"
        )
    return Shares(nodes, ranks, micro, batch_size // together)
