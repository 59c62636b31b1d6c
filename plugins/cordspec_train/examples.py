"""Training examples, token by token: the assistant's turn with everything before it masked, or a label at each step's end."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace

from cordspec.plugin import THINK_CLOSE, THINK_OPEN, Prompt, Solution, assistant_turn
from cordspec_hf.encoding import PromptEncoder
from cordspec_hf.step_ends import encode_steps

IGNORED = -100
"""The label that the loss skips (torch's convention)."""


@dataclass(frozen=True, slots=True)
class Example:
    """One training example; ``labels[i]`` belongs to ``input_ids[i]`` and is `IGNORED` where nothing is learnt.

    ``thinking`` counts the learnt tokens up to ``</think>``, both tags included.
    """

    input_ids: list[int]
    labels: list[int]
    thinking: int = 0

    @property
    def learnt(self) -> int:
        """Tokens with a loss."""
        return sum(label != IGNORED for label in self.labels)

    def first(self, tokens: int) -> Example:
        """The same without what comes after so many tokens."""
        prompt = len(self.labels) - self.learnt
        return replace(
            self, input_ids=self.input_ids[:tokens], labels=self.labels[:tokens],
            thinking=min(self.thinking, max(0, tokens - prompt)),
        )  # fmt: skip


def encode_example(encoder: PromptEncoder, opening: Prompt, solution: Solution, end: str) -> Example:
    """Question and worked solution as one encoded text, with a loss on the assistant's turn and its end token only.

    The turn begins with ``<think>``, a special token, so no token straddles the seam.
    """
    turn = encoder.encode(assistant_turn(solution.thinking, solution.answer))
    prompt_ids = encoder.encode(opening).ids
    turn_ids = (*turn.ids, *encoder.encode_special(end))
    closed = len(THINK_OPEN) + len(solution.thinking) + len("\n") + len(THINK_CLOSE)
    thinking = sum(first < closed for first, _ in turn.spans)
    return Example([*prompt_ids, *turn_ids], [*(IGNORED for _ in prompt_ids), *turn_ids], thinking)


def encode_labelled(encoder: PromptEncoder, opening: Prompt, solution: Solution) -> Example:
    """Question and steps as the reward engine shows them, with a class at the last token of every step: 1 right, 0 wrong."""
    shown = encode_steps(encoder, opening, solution.steps, window=sys.maxsize, context=sys.maxsize)
    labels = [IGNORED] * len(shown.ids)
    for end, label in zip(shown.ends, solution.labels, strict=True):
        labels[end] = int(label)
    return Example(list(shown.ids), labels)
