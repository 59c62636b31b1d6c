"""What a student will be trained on, counted in its own tokens before the training begins."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cordspec.plugin import InvalidData, TrainingExample
from cordspec_hf.encoding import PromptEncoder
from cordspec_hf.prompting.choosing import chosen_frame
from cordspec_train.examples import Example, encode_example
from cordspec_train.proof import OwnTemplate, own_template, prove

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

    from cordspec_train.options import TooLong

AUDIT: Final = "audit.json"


@dataclass(frozen=True, slots=True)
class Audit:
    """Rows and tokens of one epoch. Tokens are those of the rows that are trained on, after shortening.

    ``thinking_share`` is the share of the loss that is on thinking (tags included), 0 to 1. ``proven`` rows were shown to be
    what the tokenizer makes of their text, with a loss on exactly the assistant's turn; ``open_rows`` hold special tokens as
    text.
    """

    prompt: str
    """The adapter whose prompt is around the questions."""
    own_template: OwnTemplate
    rows: int
    limit: int
    over_limit: int
    left_out: int
    shortened: int
    longest: int
    """Tokens of the longest row, whether or not it is trained on."""
    prompt_tokens: int
    thinking_tokens: int
    answer_tokens: int
    """With the token that ends the turn."""
    thinking_share: float
    proven: int
    open_rows: int

    @property
    def remarks(self) -> tuple[str, ...]:
        """What a reader of the report should know."""
        said = [f"{self.thinking_share:.0%} of the loss on thinking"]
        if self.left_out:
            said.append(f"{self.left_out} of {self.rows} rows left out, over {self.limit:,} tokens")
        if self.shortened:
            said.append(f"{self.shortened} of {self.rows} rows lost their end, over {self.limit:,} tokens")
        if self.open_rows:
            said.append(f"{self.open_rows} rows hold special tokens as text")
        return tuple(said)

    def write(self, directory: Path) -> None:
        """Keep it as a record of the training."""
        directory.mkdir(parents=True, exist_ok=True)
        (directory / AUDIT).write_text(json.dumps(asdict(self), indent=2, sort_keys=True) + "\n", encoding="utf-8")


def audited(
    tokenizer: PreTrainedTokenizerFast, examples: Sequence[TrainingExample], limit: int, too_long: TooLong
) -> tuple[list[Example], Audit]:
    """The encoded rows that are trained on, proven, and their audit.

    Args:
        limit: in tokens; what happens to longer rows ``too_long`` says.

    Raises:
        InvalidData: rows cannot be trained on, or none is left.
    """
    frame, encoder, end = chosen_frame(tokenizer), PromptEncoder(tokenizer), str(tokenizer.eos_token)
    openings = [frame.around(one.question) for one in examples]
    encoded = [
        encode_example(encoder, opening, one.solution, end) for opening, one in zip(openings, examples, strict=True)
    ]
    solutions = [one.solution for one in examples]
    proof = prove(tokenizer, zip(openings, solutions, encoded, strict=True), end)
    long = [example for example in encoded if len(example.input_ids) > limit]
    if long and too_long == "stop":
        message = f"{len(long)} of {len(encoded)} examples are longer than {limit:,} tokens"
        raise InvalidData(message, "raise max_length, or write too_long = drop or truncate")
    cut = [example.first(limit) if too_long == "truncate" else example for example in encoded]
    kept = [example for example in cut if len(example.input_ids) <= limit and example.learnt]
    if not kept:
        raise InvalidData(f"all {len(encoded)} examples are longer than {limit} tokens", "raise max_length")
    learnt, thinking = sum(one.learnt for one in kept), sum(one.thinking for one in kept)
    return kept, Audit(
        prompt=frame.name, own_template=own_template(tokenizer), rows=len(encoded), limit=limit, over_limit=len(long),
        left_out=len(encoded) - len(kept), shortened=len(kept) - (len(encoded) - len(long)),
        longest=max(len(one.input_ids) for one in encoded),
        prompt_tokens=sum(len(one.labels) for one in kept) - learnt, thinking_tokens=thinking,
        answer_tokens=learnt - thinking, thinking_share=thinking / learnt, proven=proof.proven, open_rows=proof.open,
    )  # fmt: skip
