"""Forward passes of one causal language model over rows that hold states."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from cordspec.plugin import Unavailable
from cordspec_hf.row_states import RowStates

if TYPE_CHECKING:
    from transformers import PreTrainedModel

Ids = tuple[int, ...]


class Passes:
    """A causal language model with full attention in every layer, as a function of tokens and held states.

    Raises:
        Unavailable: a layer of the model does not look at the whole prefix.
    """

    def __init__(self, model: PreTrainedModel) -> None:
        config = model.config.get_text_config(decoder=True)
        kinds = set(getattr(config, "layer_types", None) or ["full_attention"])
        if kinds != {"full_attention"}:
            raise Unavailable(f"the embedded engine shares prefixes only in full attention layers, not {sorted(kinds)}")
        heads = getattr(config, "num_key_value_heads", config.num_attention_heads)
        size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        self.context = int(config.max_position_embeddings)
        self._shape = (int(config.num_hidden_layers), int(heads), int(size))
        self._model = model
        self.device: torch.device = model.device

    def new_states(self, spare_places: int) -> RowStates:
        """An empty buffer for rows of this model."""
        return RowStates(self._shape, self._model.dtype, self.device, spare_places)

    def next_logits(self, states: RowStates, tokens: Sequence[int]) -> torch.Tensor:
        """Put one token at the end of each row, and count it in; the logits of what comes after: (rows, vocabulary)."""
        lengths = states.room_for_one()
        visible = torch.arange(states.end, device=self.device) <= lengths[:, None]
        given = torch.tensor(tokens, device=self.device)[:, None]
        logits = self._forward(states, given, lengths[:, None], visible[:, None, None], keep=1)
        states.grow()
        return logits[:, -1]

    def read(self, states: RowStates, parts: Sequence[Ids], keep: int) -> tuple[torch.Tensor, list[slice]]:
        """Put the tokens of each part, none of them empty, after what its row holds, without counting them in.

        Returns:
            the logits of the last ``keep`` tokens of each part, (rows, keep, vocabulary) or fewer where the longest part has
            fewer (of a shorter part the first ones are of padding), and the slots in which the states of each part stand.
        """
        width = max(map(len, parts))
        first = states.room_beside(width)
        padding = torch.tensor([[width - len(part)] for part in parts], device=self.device)
        held = torch.tensor(states.lengths, device=self.device)[:, None]
        places = torch.arange(width, device=self.device)
        real = places >= padding
        past = (torch.arange(first, device=self.device) < held)[:, None].expand(-1, width, -1)
        earlier = (places <= places[:, None]) & real[:, None] | torch.eye(width, dtype=torch.bool, device=self.device)
        visible = torch.cat([past, earlier], dim=2)[:, None]
        given = torch.tensor([(0,) * (width - len(part)) + part for part in parts], device=self.device)
        positions = held + (places - padding).clamp_min(0)
        logits = self._forward(states, given, positions, visible, keep)
        return logits, [slice(first + width - len(part), first + width) for part in parts]

    def _forward(
        self, states: RowStates, tokens: torch.Tensor, positions: torch.Tensor, visible: torch.Tensor, keep: int
    ) -> torch.Tensor:
        """One pass over new tokens, (rows, new).

        Args:
            visible: where a token may look, (rows, 1, new, slots).
        """
        mask = torch.zeros(visible.shape, dtype=self._model.dtype, device=self.device)
        mask.masked_fill_(~visible, torch.finfo(mask.dtype).min)
        logits: torch.Tensor = self._model(
            input_ids=tokens, attention_mask=mask, position_ids=positions, past_key_values=states.cache, use_cache=True,
            logits_to_keep=keep,
        ).logits  # fmt: skip
        return logits
