"""What a student will be trained to prefer, counted in its own tokens before the training begins, and proven.

The proof goes another way than the encoding: it gives both whole texts to the tokenizer itself and asks it where each token
stands.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cordspec.plugin import InvalidData, Prompt, prompt_text, thinking_prompt
from cordspec_hf.prompting.choosing import chosen_frame
from cordspec_train.audit import AUDIT
from cordspec_train.pairs import EncodedPair, written

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


@dataclass(frozen=True, slots=True)
class PairAudit:
    """Pairs and tokens of one epoch; tokens are those of the pairs that are trained on.

    ``proven`` pairs were shown to be what the tokenizer makes of both texts, with a loss that begins where they may differ
    and not before; ``open_rows`` hold special tokens as text.
    """

    prompt: str
    """The adapter whose prompt is around the questions."""
    rows: int
    """Pairs that are far enough apart."""
    limit: int
    left_out: int
    longest: int
    """Tokens of the longest text that is trained on."""
    shared_tokens: int
    """Of questions and shared thinking, without a loss."""
    chosen_tokens: int
    rejected_tokens: int
    straddling: int
    """Pairs with a token that stands on the end of the shared thinking; it is learnt with both continuations."""
    proven: int
    open_rows: int

    def write(self, directory: Path) -> None:
        """Keep it as a record of the training."""
        directory.mkdir(parents=True, exist_ok=True)
        (directory / AUDIT).write_text(json.dumps(asdict(self), indent=2, sort_keys=True) + "\n", encoding="utf-8")


def audited_pairs(
    tokenizer: PreTrainedTokenizerFast, pairs: Sequence[EncodedPair], left_out: int, limit: int
) -> PairAudit:
    """The audit of pairs that are trained on, each of them looked at.

    Raises:
        InvalidData: a pair is not what the tokenizer makes of its texts, or its loss covers more or less than it should.
    """
    frame = chosen_frame(tokenizer)
    special = [str(token) for token in tokenizer.added_tokens_decoder.values()]
    proven = straddling = 0
    for number, pair in enumerate(pairs, 1):
        source = pair.source
        texts = (source.question, source.prefix, source.chosen.text, source.rejected.text)
        if any(token in text for token in special for text in texts):
            continue
        straddling += _prove(number, tokenizer, frame.around(source.question), pair)
        proven += 1
    return PairAudit(
        prompt=frame.name, rows=len(pairs) + left_out, limit=limit, left_out=left_out,
        longest=max(pair.longest for pair in pairs), shared_tokens=sum(len(pair.prompt) for pair in pairs),
        chosen_tokens=sum(len(pair.chosen) for pair in pairs), rejected_tokens=sum(len(pair.rejected) for pair in pairs),
        straddling=straddling, proven=proven, open_rows=len(pairs) - proven,
    )  # fmt: skip


def _prove(number: int, tokenizer: PreTrainedTokenizerFast, opening: Prompt, pair: EncodedPair) -> bool:
    """Check one pair; whether a token straddles the end of its shared thinking."""
    shared = thinking_prompt(opening, pair.source.prefix)
    seam = len(prompt_text(shared))
    ends: list[Sequence[tuple[int, int]]] = []
    for learnt, continuation in ((pair.chosen, pair.source.chosen), (pair.rejected, pair.source.rejected)):
        whole = prompt_text((*shared, *written(continuation)))
        seen: Any = tokenizer(whole, add_special_tokens=False, return_offsets_mapping=True)
        if list(seen["input_ids"]) != [*pair.prompt, *learnt]:
            raise _wrong(number, "the tokenizer reads its texts as other tokens")
        ends.append(seen["offset_mapping"])
    first = len(pair.prompt)
    if any(end > seam for spans in ends for _, end in spans[:first]):
        raise _wrong(number, "a part of a continuation would not be learnt")
    parts_here = any(len(spans) > first and spans[first][1] > seam for spans in ends)
    if not parts_here and pair.chosen[:1] == pair.rejected[:1]:
        raise _wrong(number, "the loss covers a part of the shared thinking")
    return any(start < seam < end for spans in ends for start, end in spans)


def _wrong(number: int, what: str) -> InvalidData:
    help = "this tokenizer or chat template cannot be trained on as it is; choose another `init`"
    return InvalidData(f"pair {number}: {what}", help, code="E806")
