"""The embedded engine: exact, batched continuation and scoring over shared prefixes on transformers.

Every answer is the same whatever else is in the batch, up to the order of floating-point sums. In float64 that order
decides nothing that we can see (differences of 1e-14); the miniature runs in it, and so its runs repeat byte for byte.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

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
from cordspec_hf.batch import BatchStates
from cordspec_hf.batcher import Batcher
from cordspec_hf.encoding import PromptEncoder
from cordspec_hf.prefix_tree import Ids, PrefixTree
from cordspec_hf.prompting.choosing import chosen_frame
from cordspec_hf.prompting.frame import PromptFrame
from cordspec_hf.rows import DecodingRow
from cordspec_hf.sampling import draw

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

MOST_ROWS = 128
SHORTEST_SHARED = 8
"""Tokens that several rows must have in common to be computed for all of them beforehand."""


class TransformersEngine:
    """One causal language model with full attention in every layer.

    Args:
        prefix_tokens: tokens whose key and value states may be held between requests.
        frame: what stands around a question; the automatic one if left out.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerFast,
        prefix_tokens: int,
        frame: PromptFrame | None = None,
    ) -> None:
        config = model.config.get_text_config(decoder=True)
        kinds = set(getattr(config, "layer_types", None) or ["full_attention"])
        if kinds != {"full_attention"}:
            raise Unavailable(f"the embedded engine shares prefixes only in full attention layers, not {sorted(kinds)}")
        self._model = model
        self._tokenizer = tokenizer
        self._encoder = PromptEncoder(tokenizer)
        self._frame = frame or chosen_frame(tokenizer)
        heads = getattr(config, "num_key_value_heads", config.num_attention_heads)
        size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        self._shape = (int(config.num_hidden_layers), int(heads), int(size))
        self._context = int(config.max_position_embeddings)
        self._tree = PrefixTree(prefix_tokens)
        self._ends = _end_tokens(model, tokenizer)
        self._token_text: dict[int, str] = {}
        self._generations = Batcher(self._generate)
        self._scores = Batcher(self._score)
        self._prefilled = self._reused = self._generated = 0

    @property
    def counters(self) -> EngineCounters:
        return EngineCounters(self._prefilled, self._reused, self._generated)

    @property
    def traits(self) -> EngineTraits:
        return EngineTraits(
            f"transformers {transformers.__version__}", self._context, self._tree.limit, 1, "cached states"
        )

    def opening(self, question: str) -> Prompt:
        return self._frame.around(question)

    def count_tokens(self, text: str) -> int:
        return len(self._encoder.encode((Segment(text),)).ids)

    async def generate(self, requests: Sequence[GenerateRequest]) -> Sequence[Generation]:
        return await self._generations.submit(requests)

    async def score(self, requests: Sequence[ScoreRequest]) -> Sequence[TokenLogprobs]:
        return await self._scores.submit(requests)

    async def reward(self, requests: Sequence[RewardRequest]) -> Sequence[Rewards]:
        raise Unavailable("this model has no reward head", "name a model that was trained to reward steps")

    async def close(self) -> None:
        """Nothing to release beyond what the garbage collector takes."""

    # generation

    @torch.inference_mode()
    def _generate(self, requests: Sequence[GenerateRequest]) -> list[Generation]:
        rows = []
        for number, request in enumerate(requests):
            ids = self._encoder.encode(request.prompt).ids
            room = min(request.max_tokens, self._context - len(ids))
            rows.append(DecodingRow(number, request, ids, room, self._ends, self._decode, self._token_text))
        answers: dict[int, Generation] = {row.number: row.generation() for row in rows if row.room < 1}
        waiting = sorted((row for row in rows if row.room >= 1), key=lambda row: len(row.ids))
        for first in range(0, len(waiting), MOST_ROWS):
            batch = waiting[first : first + MOST_ROWS]
            prefixes = [row.ids[:-1] for row in batch]
            shares, before = self._missing(prefixes), self._prefilled
            self._hold(prefixes)
            for row, share in zip(batch, _summing_to(self._prefilled - before, shares), strict=True):
                row.prefilled = share
            self._decode_rows(batch)
            answers.update((row.number, row.generation()) for row in batch)
            self._tree.evict()
        return [answers[number] for number in range(len(requests))]

    def _decode_rows(self, rows: list[DecodingRow]) -> None:
        """Draw tokens for all rows, one a pass, until each of them is over."""
        states = self._batch([row.ids[:-1] for row in rows], room=max(min(row.room, 64) for row in rows))
        alive = list(rows)
        while alive:
            tokens = torch.tensor([[row.last] for row in alive], device=self._model.device)
            logits = self._forward(states, tokens, torch.ones_like(tokens, dtype=torch.bool)).logits[:, -1]
            states.advance([1] * len(alive), 1)
            drawn = draw(logits, [row.request.sampling for row in alive], [row.uniforms for row in alive])
            self._generated += len(alive)
            going = []
            for at, (row, token) in enumerate(zip(alive, drawn, strict=True)):
                row.take(token)
                if row.over:
                    self._tree.insert(row.written, len(row.ids) - 1, states.row(at, len(row.drawn)))
                else:
                    going.append(at)
            if len(going) < len(alive):
                states.keep(going)
                alive = [alive[at] for at in going]

    # scoring

    @torch.inference_mode()
    def _score(self, requests: Sequence[ScoreRequest]) -> list[TokenLogprobs]:
        spans: list[tuple[Ids, int, int]] = []
        for request in requests:
            start = len(prompt_text(request.prompt))
            whole = self._encoder.encode((*request.prompt, Segment(request.target + request.after)))
            spans.append((whole.ids, *whole.overlapping(start, start + len(request.target))))
        answers: dict[int, TokenLogprobs] = {}
        fitting = [number for number, (_, first, last) in enumerate(spans) if first > 0 and last <= self._context]
        fitting.sort(key=lambda number: spans[number][1])
        for begin in range(0, len(fitting), MOST_ROWS):
            batch = fitting[begin : begin + MOST_ROWS]
            rows = [spans[number] for number in batch]
            shares, before = self._missing([ids[: last - 1] for ids, _, last in rows]), self._prefilled
            scored = self._target_logprobs(rows)
            shares = _summing_to(self._prefilled - before, shares)
            for number, values, share in zip(batch, scored, shares, strict=True):
                answers[number] = TokenLogprobs(values, spans[number][1], share)
            self._tree.evict()
        empty = TokenLogprobs(())
        return [answers.get(number, empty) for number in range(len(requests))]

    def _target_logprobs(self, spans: Sequence[tuple[Ids, int, int]]) -> list[tuple[float, ...]]:
        """The log-probabilities of ``ids[first:last]``: what rows share beforehand, then step and answer in one pass."""
        prefixes = [ids[: first - 1] for ids, first, _ in spans]
        self._hold_stems(prefixes)
        held = [self._tree.match(prefix) for prefix in prefixes]
        self._reused += sum(held)
        states = self._batch([prefix[:length] for prefix, length in zip(prefixes, held, strict=True)], room=0)
        missing = [ids[length : last - 1] for (ids, _, last), length in zip(spans, held, strict=True)]
        tokens, real = self._padded(missing, left=True)
        logits = self._forward(states, tokens, real, logits=max(last - first for _, first, last in spans)).logits
        states.advance([len(part) for part in missing], tokens.shape[1])
        logprobs = torch.log_softmax(logits if logits.dtype == torch.float64 else logits.float(), dim=2)
        values = []
        for row, ((ids, first, last), prefix, length) in enumerate(zip(spans, prefixes, held, strict=True)):
            targets = torch.tensor(ids[first:last], device=logits.device)
            chosen = logprobs[row, -len(targets) :].gather(1, targets[:, None])[:, 0]
            values.append(tuple(map(float, chosen.tolist())))
            new = states.row(row, len(missing[row]))
            self._tree.insert(prefix, length, new[:, :, :, : len(prefix) - length])
        self._prefilled += sum(map(len, missing))
        return values

    # shared prefixes

    def _missing(self, prefixes: Sequence[Ids]) -> list[int]:
        """For each sequence the tokens that neither the tree nor a sequence before it in sorted order has."""
        new = [0] * len(prefixes)
        former: Ids = ()
        for at in sorted(range(len(prefixes)), key=lambda at: prefixes[at]):
            ids = prefixes[at]
            new[at] = len(ids) - max(self._tree.match(ids), _shared(former, ids))
            former = ids
        return new

    def _hold(self, prefixes: Sequence[Ids]) -> None:
        """Make sure that the states of all these token sequences are in the tree; what they share is computed once."""
        held = {prefix: self._tree.match(prefix) for prefix in set(prefixes)}
        self._reused += sum(self._tree.match(prefix) for prefix in prefixes)
        self._hold_missing(sorted(prefix for prefix, length in held.items() if length < len(prefix)))

    def _hold_missing(self, prefixes: Sequence[Ids]) -> None:
        prefixes = [prefix for prefix in prefixes if self._tree.match(prefix) < len(prefix)]
        self._hold_stems(prefixes)
        for first in range(0, len(prefixes), MOST_ROWS):
            self._prefill(prefixes[first : first + MOST_ROWS])

    def _hold_stems(self, prefixes: Sequence[Ids]) -> None:
        """Compute what several of these sequences have in common, and is not held yet, once for all of them."""
        stems = sorted(set(self._stems(sorted(prefixes))))
        if stems:
            self._hold_missing(stems)

    def _stems(self, ordered: Sequence[Ids]) -> list[Ids]:
        """The parts, not held yet, that neighbours in sorted order have in common."""
        stems = []
        for one, other in pairwise(ordered):
            shared = _shared(one, other)
            if shared - self._tree.match(one[:shared]) >= SHORTEST_SHARED:
                stems.append(one[:shared])
        return stems

    def _prefill(self, prefixes: Sequence[Ids]) -> None:
        prefixes = [prefix for prefix in prefixes if self._tree.match(prefix) < len(prefix)]
        if not prefixes:
            return
        held = [self._tree.match(prefix) for prefix in prefixes]
        states = self._batch([prefix[:length] for prefix, length in zip(prefixes, held, strict=True)], room=0)
        missing = [prefix[length:] for prefix, length in zip(prefixes, held, strict=True)]
        tokens, real = self._padded(missing)
        self._forward(states, tokens, real, logits=1)
        states.advance([len(part) for part in missing], tokens.shape[1])
        for row, (prefix, length) in enumerate(zip(prefixes, held, strict=True)):
            self._tree.insert(prefix, length, states.row(row, len(prefix) - length))
        self._prefilled += sum(map(len, missing))

    def _batch(self, prefixes: Sequence[Ids], room: int) -> BatchStates:
        pieces = [self._tree.states(prefix) for prefix in prefixes]
        return BatchStates(pieces, self._shape, self._model.dtype, self._model.device, room)

    # the model

    def _forward(self, states: BatchStates, tokens: torch.Tensor, real: torch.Tensor, logits: int = 0) -> Any:
        """One pass over new tokens, (rows, new); logits of all of them, or of the last ``logits`` only."""
        mask = states.attention(real)
        return self._model(
            input_ids=tokens,
            attention_mask=mask,
            position_ids=states.positions(real),
            past_key_values=states.cache,
            use_cache=True,
            logits_to_keep=logits,
        )

    def _padded(self, parts: Sequence[Ids], *, left: bool = False) -> tuple[torch.Tensor, torch.Tensor]:
        """Rows of token ids padded on one side, and which of them are real."""
        width = max(map(len, parts))
        fill = (self._ends[0] if self._ends else 0,)
        padding = [fill * (width - len(part)) for part in parts]
        rows = [(*pad, *part) if left else (*part, *pad) for part, pad in zip(parts, padding, strict=True)]
        lengths = torch.tensor([len(part) for part in parts], device=self._model.device)[:, None]
        places = torch.arange(width, device=self._model.device)[None]
        return torch.tensor(rows, device=self._model.device), places >= width - lengths if left else places < lengths

    def _decode(self, ids: Sequence[int]) -> str:
        text = self._tokenizer.decode(list(ids), skip_special_tokens=False, clean_up_tokenization_spaces=False)
        return str(text)


def _shared(one: Ids, other: Ids) -> int:
    """The number of leading tokens that two sequences have in common."""
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _summing_to(total: int, shares: list[int]) -> list[int]:
    """Shares of a cost that add up to what was really computed: the first row bears the difference."""
    return [shares[0] + total - sum(shares), *shares[1:]] if shares else []


def _end_tokens(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast) -> tuple[int, ...]:
    declared = getattr(model.generation_config, "eos_token_id", None)
    if declared is None:
        declared = tokenizer.eos_token_id
    if declared is None:
        return ()
    return tuple(declared) if isinstance(declared, list) else (int(declared),)
