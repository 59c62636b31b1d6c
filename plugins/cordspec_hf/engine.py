"""The embedded engine: exact, batched continuation and scoring over shared prefixes on transformers.

Requests are encoded in the event loop of who asks. All else happens in the device's thread (`turns`): generations run in one
batch (`running`), scores that wait are computed together between its turns (`batcher`, `reading`), and both share what was
computed before (`prefix_tree`).

Every answer is the same whatever else is in the batch, up to the order of floating-point sums. In float64 that order
decides nothing that we can see (differences of 1e-14); the miniature runs in it, and so its runs repeat byte for byte.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
import transformers

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
    prompt_text,
)
from cordspec_hf.batcher import Batcher
from cordspec_hf.encoding import PromptEncoder
from cordspec_hf.passes import Passes
from cordspec_hf.prefix_tree import PrefixTree
from cordspec_hf.prompting.choosing import chosen_frame
from cordspec_hf.prompting.frame import PromptFrame
from cordspec_hf.reading import Reader, Span
from cordspec_hf.rows import DecodingRow
from cordspec_hf.running import RunningBatch
from cordspec_hf.turns import TURNS, settle

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast


class TransformersEngine:
    """One causal language model with full attention in every layer.

    Args:
        prefix_tokens: tokens whose key and value states may be held between turns; the running batch and a pass over
            prompts may each have as many again, or one row.
        frame: what stands around a question; the automatic one if left out.
    """

    def __init__(
        self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, prefix_tokens: int,
        frame: PromptFrame | None = None,
    ) -> None:  # fmt: skip
        self._tokenizer = tokenizer
        self._encoder = PromptEncoder(tokenizer)
        self._frame = frame or chosen_frame(tokenizer)
        self._passes = Passes(model)
        self._tree = PrefixTree(prefix_tokens)
        self._reader = Reader(self._passes, self._tree, prefix_tokens)
        self._running = RunningBatch(self._passes, self._tree, self._reader, prefix_tokens)
        self._scores = Batcher(self._score)
        self._ends = _end_tokens(model, tokenizer)
        self._token_text: dict[int, str] = {}

    @property
    def counters(self) -> EngineCounters:
        reader, running, scores = self._reader, self._running, self._scores
        return EngineCounters(
            reader.prefilled, reader.reused, running.generated, running.requests + scores.requests,
            running.busy + scores.busy, running.queued + scores.queued,
        )  # fmt: skip

    @property
    def traits(self) -> EngineTraits:
        return EngineTraits(
            f"transformers {transformers.__version__}", self._passes.context, self._tree.limit, 1, "cached states"
        )

    def opening(self, question: str) -> Prompt:
        return self._frame.around(question)

    def count_tokens(self, text: str) -> int:
        return len(self._encoder.encode((Segment(text),)).ids)

    async def generate(self, requests: Sequence[GenerateRequest]) -> Sequence[Generation]:
        rows = [self._row(request) for request in requests]
        self._running.submit([row for row in rows if not row.future.done()])
        return await asyncio.gather(*(row.future for row in rows))

    async def score(self, requests: Sequence[ScoreRequest]) -> Sequence[TokenLogprobs]:
        spans = [self._span(request) for request in requests]
        answers = [TokenLogprobs(())] * len(spans)
        fitting = [number for number, span in enumerate(spans) if span.first > 0 and span.last <= self._passes.context]
        scored = await self._scores.submit([spans[number] for number in fitting])
        for number, answer in zip(fitting, scored, strict=True):
            answers[number] = answer
        return answers

    async def reward(self, requests: Sequence[RewardRequest]) -> Sequence[Rewards]:
        raise Unavailable("this model has no reward head", "name a model that was trained to reward steps")

    async def close(self) -> None:
        """Whatever is still under way is given up; nothing of this engine computes afterwards."""
        loop = asyncio.get_running_loop()
        over = loop.create_future()

        def end() -> None:
            self._running.close()
            self._scores.close()
            settle(over, None)

        TURNS.ask(end, urgent=True)
        await over

    def _row(self, request: GenerateRequest) -> DecodingRow:
        ids = self._encoder.encode(request.prompt).ids
        room = min(request.max_tokens, self._passes.context - len(ids))
        row = DecodingRow(request, ids, room, self._ends, self._decode, self._token_text)
        if room < 1:
            row.future.set_result(row.generation())
        return row

    def _span(self, request: ScoreRequest) -> Span:
        start = len(prompt_text(request.prompt))
        whole = self._encoder.encode((*request.prompt, Segment(request.target + request.after)))
        return Span(whole.ids, *whole.overlapping(start, start + len(request.target)))

    @torch.inference_mode()
    def _score(self, spans: Sequence[Span]) -> list[TokenLogprobs]:
        values, costs = self._reader.logprobs(spans)
        self._tree.evict()
        return [TokenLogprobs(*one) for one in zip(values, [span.first for span in spans], costs, strict=True)]

    def _decode(self, ids: Sequence[int]) -> str:
        text = self._tokenizer.decode(list(ids), skip_special_tokens=False, clean_up_tokenization_spaces=False)
        return str(text)


def _end_tokens(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast) -> tuple[int, ...]:
    declared = getattr(model.generation_config, "eos_token_id", None)
    if declared is None:
        declared = tokenizer.eos_token_id
    if declared is None:
        return ()
    return tuple(declared) if isinstance(declared, list) else (int(declared),)
