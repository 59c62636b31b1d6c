"""Proof, row by row and before anything is trained, that thinking is kept and the loss is on the assistant's turn only.

The rows are made by `cordspec_hf.encoding`, which knows what is template and what is data. The proof goes another way: it
gives the whole text to the tokenizer itself and asks it where each token stands.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from cordspec.plugin import THINK_CLOSE, THINK_OPEN, InvalidData, Prompt, Solution, assistant_turn, prompt_text
from cordspec_train.examples import IGNORED, Example

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

OwnTemplate = Literal["keeps", "drops", "refuses", "none"]
"""What a chat template does to the thinking of an assistant's turn that is handed to it in one piece."""
PROBE = "a thought of its own"


@dataclass(frozen=True, slots=True)
class Proof:
    """How many rows were proven. ``open`` ones hold the text of a special token as data: the tokenizer by itself would read
    it as the token, so it cannot bear witness there; only their mask was looked at.
    """

    proven: int
    open: int


def prove(tokenizer: PreTrainedTokenizerFast, rows: Iterable[tuple[Prompt, Solution, Example]], end: str) -> Proof:
    """Check every row, whole and not shortened.

    Raises:
        InvalidData: a row is not what the tokenizer makes of its text, or its mask covers more or less than the turn.
    """
    special = [str(token) for token in tokenizer.added_tokens_decoder.values()]
    proven = unproven = 0
    for number, (opening, solution, example) in enumerate(rows, 1):
        before = prompt_text(opening)
        turn = prompt_text(assistant_turn(solution.thinking, solution.answer)) + end
        written = [segment.text for segment in opening if not segment.template] + [solution.thinking, solution.answer]
        if any(token in text for token in special for text in written):
            _check_mask(number, example, len(example.labels) - example.learnt)
            unproven += 1
            continue
        seen = tokenizer(before + turn, add_special_tokens=False, return_offsets_mapping=True)
        if list(seen["input_ids"]) != example.input_ids:
            raise _wrong(
                number, "the tokenizer reads its text as other tokens: a token would straddle question and reply"
            )
        _check_mask(number, example, sum(first < len(before) for first, _ in seen["offset_mapping"]))
        proven += 1
    return Proof(proven, unproven)


def _check_mask(number: int, example: Example, prompt: int) -> None:
    """The first ``prompt`` labels must be ignored and all others be their tokens."""
    if any(label != IGNORED for label in example.labels[:prompt]):
        raise _wrong(number, "the loss covers a part of the question")
    if example.labels[prompt:] != example.input_ids[prompt:] or not example.labels[prompt:]:
        raise _wrong(number, "the loss does not cover the whole of the assistant's turn")


def _wrong(number: int, what: str) -> InvalidData:
    help = "this tokenizer or chat template cannot be trained on as it is; choose another `init`"
    return InvalidData(f"example {number}: {what}", help, code="E806")


def own_template(tokenizer: PreTrainedTokenizerFast) -> OwnTemplate:
    """What the student's own chat template would do to the thinking if it were asked. It is not: we write the turn."""
    if tokenizer.chat_template is None:
        return "none"
    said = f"{THINK_OPEN}\n{PROBE}\n{THINK_CLOSE}\n\nyes"
    messages = [{"role": "user", "content": "?"}, {"role": "assistant", "content": said}]
    try:
        rendered = tokenizer.apply_chat_template(messages, tokenize=False)
    except Exception:  # a template is a program of somebody else's; what it raises is its own affair
        return "refuses"
    return "keeps" if PROBE in rendered else "drops"
