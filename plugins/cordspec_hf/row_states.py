"""The key and value states of the rows of a batch, in one buffer that is kept and grown: rows join it and leave it.

A row's states stand in its first slots, whatever other rows are there, so a row that joins or leaves moves no other one;
what lies behind a row's length is masked. Positions are counted per row, so padding changes no number beyond the order of
a sum.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from transformers.cache_utils import Cache, CacheLayerMixin

SLOTS = 64
"""Slots by which a full buffer grows at least."""


class RowStates:
    """Buffer of shape (layers, 2, rows, heads, slots, head size). What was never written is zero: nothing masked is NaN.

    Args:
        shape: layers, key-value heads, head size.
        spare_places: slots of all rows together up to which the buffer doubles when it is full; beyond, it grows by less.
    """

    def __init__(
        self, shape: tuple[int, int, int], dtype: torch.dtype, device: torch.device, spare_places: int
    ) -> None:
        layers, heads, size = shape
        self._spare_places = spare_places
        self.lengths: list[int] = []
        """The number of tokens that each row holds."""
        self._buffer = torch.zeros((layers, 2, 0, heads, 0, size), dtype=dtype, device=device)
        self._end = 0
        self._target: slice | tuple[torch.Tensor, slice, torch.Tensor] = slice(0, 0)
        self.cache = Cache(layers=[_Layer(self, layer) for layer in range(layers)])

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def longest(self) -> int:
        return max(self.lengths, default=0)

    def add(self, rows: Sequence[Sequence[torch.Tensor]]) -> None:
        """Let rows join.

        Args:
            rows: for each its states as consecutive pieces of shape (layers, 2, heads, tokens, head size).
        """
        lengths = [sum(piece.shape[3] for piece in pieces) for pieces in rows]
        first = len(self)
        self._reserve(first + len(rows), max(lengths, default=0))
        for row, pieces in enumerate(rows, first):
            at = 0
            for piece in pieces:
                self._buffer[:, :, row, :, at : at + piece.shape[3]] = piece
                at += piece.shape[3]
        self.lengths += lengths

    def drop(self, row: int) -> None:
        """Let a row leave; the last one takes its place."""
        length = self.lengths.pop()
        if row < len(self):
            self._buffer[:, :, row, :, :length] = self._buffer[:, :, len(self), :, :length]
            self.lengths[row] = length

    def clear(self) -> None:
        """Let all rows leave."""
        self.lengths = []

    def tokens(self, row: int, first: int, last: int) -> torch.Tensor:
        """The states in the slots ``first..last`` of a row: (layers, 2, heads, slots, head size), a view."""
        return self._buffer[:, :, row, :, first:last]

    def room_for_one(self) -> torch.Tensor:
        """Make the next pass write one token at the end of each row; returns the rows' lengths before it: (rows,).

        `grow` counts the tokens in afterwards.
        """
        self._reserve(len(self), self.longest + 1)
        lengths = torch.tensor(self.lengths, device=self._buffer.device)
        rows = torch.arange(len(self), device=self._buffer.device)
        self._target, self._end = (rows, slice(None), lengths), self.longest + 1
        return lengths

    def grow(self) -> None:
        """Count the token in that a pass has written at the end of each row."""
        self.lengths = [length + 1 for length in self.lengths]

    def room_beside(self, width: int) -> int:
        """Make the next pass write ``width`` slots of each row behind the longest row; returns the first of them."""
        first = self.longest
        self._end = first + width
        self._reserve(len(self), self._end)
        self._target = slice(first, self._end)
        return first

    def write(self, layer: int, keys: torch.Tensor, values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Take new states, (rows, heads, new, head size), and return all of that layer, (rows, heads, slots, head size)."""
        old_keys, old_values = self._buffer[layer, :, : len(self)]
        if isinstance(self._target, slice):
            old_keys[:, :, self._target] = keys
            old_values[:, :, self._target] = values
        else:
            old_keys[self._target] = keys[:, :, 0]
            old_values[self._target] = values[:, :, 0]
        return old_keys[:, :, : self._end], old_values[:, :, : self._end]

    @property
    def end(self) -> int:
        """The number of slots that the next pass sees, its own included."""
        return self._end

    def _reserve(self, rows: int, slots: int) -> None:
        layers, two, most_rows, heads, most_slots, size = self._buffer.shape
        if rows <= most_rows and slots <= most_slots:
            return
        if rows > most_rows:
            most_rows = max(rows, most_rows * 2)
        if slots > most_slots:
            most_slots = max(slots + SLOTS, most_slots * 2)
        if most_rows * most_slots > self._spare_places:
            rows = max(rows, len(self))
            most_rows, most_slots = rows + rows // 4, max(slots, self.longest) + SLOTS
        larger = self._buffer.new_zeros((layers, two, most_rows, heads, most_slots, size))
        used = (slice(None), slice(None), slice(0, len(self)), slice(None), slice(0, self.longest))
        larger[used] = self._buffer[used]
        self._buffer = larger


class _Layer(CacheLayerMixin):  # type: ignore[misc]  # transformers is untyped
    """One layer's view of the buffer, in the form that transformers' models write to."""

    def __init__(self, states: RowStates, layer: int) -> None:
        super().__init__()
        self._states = states
        self._layer = layer
        self.is_initialized = True

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: object, **kwargs: object
    ) -> tuple[torch.Tensor, torch.Tensor]:
        return self._states.write(self._layer, key_states, value_states)

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        """Nothing to do: the buffer is there from the start."""

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        return self._states.end, 0

    def get_seq_length(self) -> int:
        return self._states.end

    def get_max_length(self) -> int:
        return -1
