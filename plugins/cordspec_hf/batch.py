"""The key and value states of one batch: rows of different length in one growing buffer, with masks that fit.

Slots of the buffer are shared by all rows; a row that has nothing in a slot masks it. Positions are counted per row, so
padding changes no number beyond the order of a sum.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from transformers.cache_utils import Cache, CacheLayerMixin

HEADROOM = 32
"""Slots by which a full buffer grows at least."""


class BatchStates:
    """Buffer of shape (layers, 2, rows, heads, slots, head size), with a mask of shape (rows, slots).

    Args:
        pieces: for each row, its prefix states as consecutive pieces of shape (layers, 2, heads, tokens, head size).
    """

    def __init__(
        self, pieces: Sequence[Sequence[torch.Tensor]], shape: tuple[int, int, int], dtype: torch.dtype,
        device: torch.device, room: int,
    ) -> None:  # fmt: skip
        layers, heads, size = shape
        self.lengths = [sum(piece.shape[3] for piece in row) for row in pieces]
        self.filled = max(self.lengths, default=0)
        capacity = self.filled + room
        self.buffer = torch.zeros((layers, 2, len(pieces), heads, capacity, size), dtype=dtype, device=device)
        self.mask = torch.zeros((len(pieces), capacity), dtype=torch.bool, device=device)
        for row, (parts, length) in enumerate(zip(pieces, self.lengths, strict=True)):
            at = self.filled - length
            self.mask[row, at : self.filled] = True
            for part in parts:
                self.buffer[:, :, row, :, at : at + part.shape[3]] = part
                at += part.shape[3]
        self.cache = Cache(layers=[_Layer(self, layer) for layer in range(layers)])

    def attention(self, new: torch.Tensor) -> torch.Tensor:
        """The attention mask for new tokens, (rows, 1, new, slots), True where a token may look.

        Args:
            new: which of the new tokens are real, (rows, new); the others are padding on either side of them.
        """
        rows, width = new.shape
        self._reserve(width)
        self.mask[:, self.filled : self.filled + width] = new
        past = self.mask[:, None, : self.filled].expand(rows, width, self.filled)
        causal = torch.ones((width, width), dtype=torch.bool, device=new.device).tril()
        itself = torch.eye(width, dtype=torch.bool, device=new.device)
        return torch.cat([past, causal & new[:, None, :] | itself], dim=2)[:, None]

    def positions(self, new: torch.Tensor) -> torch.Tensor:
        """The position of each new token in its own row, (rows, new); padding gets that of a neighbour.

        Args:
            new: as in `attention`.
        """
        lengths = torch.tensor(self.lengths, device=self.buffer.device)[:, None]
        return lengths + (new.cumsum(dim=1) - 1).clamp_min(0)

    def advance(self, widths: Sequence[int], width: int) -> None:
        """Count the new tokens in, after the model has seen them: ``widths[row]`` real ones of ``width`` slots."""
        self.filled += width
        self.lengths = [length + added for length, added in zip(self.lengths, widths, strict=True)]

    def row(self, row: int, last: int) -> torch.Tensor:
        """The states of the last ``last`` real tokens of a row: (layers, 2, heads, last, head size)."""
        slots = self.mask[row, : self.filled].nonzero()[-last:, 0]
        if last and int(slots[-1] - slots[0]) == last - 1:
            return self.buffer[:, :, row, :, int(slots[0]) : int(slots[-1]) + 1]
        return self.buffer[:, :, row].index_select(3, slots)

    def keep(self, rows: Sequence[int]) -> None:
        """Drop all rows but these."""
        chosen = torch.tensor(rows, dtype=torch.long, device=self.buffer.device)
        self.buffer = self.buffer.index_select(2, chosen)
        self.mask = self.mask.index_select(0, chosen)
        self.lengths = [self.lengths[row] for row in rows]

    def _reserve(self, width: int) -> None:
        capacity = self.mask.shape[1]
        if self.filled + width <= capacity:
            return
        extra = max(self.filled + width - capacity, HEADROOM, capacity // 2)
        layers, two, rows, heads, _, size = self.buffer.shape
        self.buffer = torch.cat([self.buffer, self.buffer.new_zeros((layers, two, rows, heads, extra, size))], dim=4)
        self.mask = torch.cat([self.mask, self.mask.new_zeros((rows, extra))], dim=1)


class _Layer(CacheLayerMixin):  # type: ignore[misc]  # transformers is untyped
    """One layer's view of the buffer, in the form that transformers' models write to."""

    def __init__(self, states: BatchStates, layer: int) -> None:
        super().__init__()
        self._states = states
        self._layer = layer
        self.is_initialized = True

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: object, **kwargs: object
    ) -> tuple[torch.Tensor, torch.Tensor]:
        first = self._states.filled
        end = first + key_states.shape[2]
        buffer = self._states.buffer[self._layer]
        buffer[0, :, :, first:end] = key_states
        buffer[1, :, :, first:end] = value_states
        return buffer[0, :, :, :end], buffer[1, :, :, :end]

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        """Nothing to do: the buffer is there from the start."""

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        return self._states.filled + query_length, 0

    def get_seq_length(self) -> int:
        return self._states.filled

    def get_max_length(self) -> int:
        return -1
