"""A process reward model in this process: a probability of being right at the last token of every step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import torch
import transformers
from torch.nn.utils.rnn import pad_sequence

from cordspec.plugin import (
    EngineCounters,
    EngineTraits,
    GenerateRequest,
    Generation,
    Prompt,
    RewardRequest,
    Rewards,
    ScoreRequest,
    Segment,
    TokenLogprobs,
    Unavailable,
)
from cordspec_hf.batcher import Batcher
from cordspec_hf.encoding import PromptEncoder, chat_opening
from cordspec_hf.step_ends import EncodedSteps, encode_steps

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

RIGHT = 1
"""The label of a right step; the other one is 0."""
MOST_PLACES = 32_768
"""Tokens of one pass, padding included."""
ONLY_REWARDS = "a process reward model only rewards steps", "name a language model here"


class RewardEngine:
    """A token classification model with two labels. Every row is computed as a whole; no states are held.

    Rows of a pass are padded at their end and masked, so a reward depends on its own request up to the order of sums.
    """

    def __init__(self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast) -> None:
        self._model = model
        self._tokenizer = tokenizer
        self._encoder = PromptEncoder(tokenizer)
        self._context = int(model.config.max_position_embeddings)
        self._batches = Batcher(self._reward)
        self._prefilled = 0

    @property
    def counters(self) -> EngineCounters:
        batches = self._batches
        return EngineCounters(self._prefilled, 0, 0, batches.requests, batches.busy, batches.queued)

    @property
    def traits(self) -> EngineTraits:
        return EngineTraits(f"transformers {transformers.__version__}", self._context, block=0)

    def opening(self, question: str) -> Prompt:
        return chat_opening(self._tokenizer, question)

    def count_tokens(self, text: str) -> int:
        return len(self._encoder.encode((Segment(text),)).ids)

    async def reward(self, requests: Sequence[RewardRequest]) -> Sequence[Rewards]:
        return await self._batches.submit(requests)

    async def generate(self, requests: Sequence[GenerateRequest]) -> Sequence[Generation]:
        raise Unavailable(*ONLY_REWARDS)

    async def score(self, requests: Sequence[ScoreRequest]) -> Sequence[TokenLogprobs]:
        raise Unavailable(*ONLY_REWARDS)

    async def close(self) -> None:
        """Nothing to release beyond what the garbage collector takes."""

    @torch.inference_mode()
    def _reward(self, requests: Sequence[RewardRequest]) -> list[Rewards]:
        rows = [
            encode_steps(self._encoder, self.opening(one.question), one.steps, window=one.window, context=self._context)
            for one in requests
        ]
        answers = {number: Rewards(()) for number, row in enumerate(rows) if not row.ids}
        for batch in _batches(rows):
            probabilities = self._forward([rows[number] for number in batch])
            for number, of_row in zip(batch, probabilities, strict=True):
                ids, ends = rows[number].ids, rows[number].ends
                self._prefilled += len(ids)
                answers[number] = Rewards(tuple(map(float, of_row[list(ends)].tolist())), len(ids), len(ids))
        return [answers[number] for number in range(len(requests))]

    def _forward(self, rows: Sequence[EncodedSteps]) -> torch.Tensor:
        """The probability of `RIGHT` at every place of every row: (rows, longest row), in float32 or better."""
        tokens = [torch.tensor(row.ids) for row in rows]
        padded = pad_sequence(tokens, batch_first=True).to(self._model.device)
        mask = pad_sequence([torch.ones_like(row) for row in tokens], batch_first=True).to(self._model.device)
        logits = self._model(input_ids=padded, attention_mask=mask).logits
        return torch.softmax(logits if logits.dtype == torch.float64 else logits.float(), dim=2)[:, :, RIGHT]


def _batches(rows: Sequence[EncodedSteps]) -> Iterator[list[int]]:
    """The numbers of the rows that show anything, in batches of like length that stay within `MOST_PLACES`."""
    batch: list[int] = []
    for number in sorted((at for at, row in enumerate(rows) if row.ids), key=lambda at: len(rows[at].ids)):
        if batch and len(rows[number].ids) * (len(batch) + 1) > MOST_PLACES:
            yield batch
            batch = []
        batch.append(number)
    if batch:
        yield batch
