"""Pairs of continuations, token by token: where they begin to differ from the shared thinking, and what is trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from cordspec.plugin import (
    THINK_CLOSE,
    Continuation,
    InvalidData,
    PreferencePair,
    Prompt,
    Segment,
    prompt_text,
    thinking_prompt,
)
from cordspec_hf.encoding import PromptEncoder
from cordspec_hf.prompting.choosing import chosen_frame
from cordspec_train.ordering import training_order

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


@dataclass(frozen=True, slots=True)
class EncodedPair:
    """Token ids: what both begin with, which has no loss, and how each goes on. Neither ends the turn."""

    prompt: list[int]
    chosen: list[int]
    rejected: list[int]
    source: PreferencePair

    @property
    def learnt(self) -> int:
        """Tokens with a loss."""
        return len(self.chosen) + len(self.rejected)

    @property
    def longest(self) -> int:
        """Tokens of the longer text."""
        return len(self.prompt) + max(len(self.chosen), len(self.rejected))

    @property
    def read(self) -> int:
        """Tokens of both texts."""
        return 2 * len(self.prompt) + self.learnt


def encode_pair(encoder: PromptEncoder, opening: Prompt, pair: PreferencePair) -> EncodedPair:
    """Both texts, each encoded as a whole, up to the end of its continuation.

    A token may straddle the end of the shared thinking (a full stop and the line break after it). It is then part of the
    continuations, as it is part of the scored span when a prover scores them.
    """
    shared = thinking_prompt(opening, pair.prefix)
    start = len(prompt_text(shared))
    texts = [encoder.encode((*shared, *written(one))) for one in (pair.chosen, pair.rejected)]
    chosen, rejected = (list(text.ids) for text in texts)
    common = sum(1 for _ in takewhile(lambda ids: ids[0] == ids[1], zip(chosen, rejected, strict=False)))
    first = min(common, *(sum(end <= start for _, end in text.spans) for text in texts))
    return EncodedPair(chosen[:first], chosen[first:], rejected[first:], pair)


def fitting_pairs(
    tokenizer: PreTrainedTokenizerFast, pairs: Sequence[PreferencePair], margin: float, limit: int
) -> tuple[list[EncodedPair], int]:
    """The encoded pairs that are trained on, and the number of those left out because a text is longer than ``limit`` tokens.

    Args:
        margin: the least difference of scores of a pair; closer ones are no preference, and not counted as left out.

    Raises:
        InvalidData: none is left.
    """
    apart = [pair for pair in pairs if pair.margin >= margin]
    if not apart:
        raise InvalidData(f"none of {len(pairs)} pairs differs by {margin:g} or more in its scores", "lower `margin`")
    frame, encoder = chosen_frame(tokenizer), PromptEncoder(tokenizer)
    encoded = [encode_pair(encoder, frame.around(pair.question), pair) for pair in apart]
    fitting = [pair for pair in encoded if pair.longest <= limit]
    if not fitting:
        raise InvalidData(f"all {len(encoded)} pairs are longer than {limit} tokens", "raise max_length")
    return fitting, len(encoded) - len(fitting)


def ordered_pairs(pairs: Sequence[EncodedPair], batch_size: int, seed: int, epochs: int) -> Any:
    """A data set in the columns of TRL's preference collator, in the order in which pairs are taken in all epochs."""
    from datasets import Dataset, disable_progress_bars

    disable_progress_bars()
    rows = [pairs[at] for at in training_order([pair.longest for pair in pairs], batch_size, seed, epochs)]
    return Dataset.from_dict(
        {
            "prompt_ids": [row.prompt for row in rows],
            "chosen_ids": [row.chosen for row in rows],
            "rejected_ids": [row.rejected for row in rows],
            "read": [row.read for row in rows],
        }
    )


def written(continuation: Continuation) -> Prompt:
    """A continuation, with the tag that closes the thinking where its teacher ended it."""
    text = Segment(continuation.text)
    return (text, Segment("\n"), Segment(THINK_CLOSE, template=True)) if continuation.closes else (text,)
