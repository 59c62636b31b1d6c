"""Training examples, token by token: the assistant's turn with everything before it masked, or a label at each step's end."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from cordspec.plugin import Prompt, Solution, assistant_turn
from cordspec_hf.encoding import PromptEncoder
from cordspec_hf.step_ends import encode_steps

IGNORED = -100
"""The label that the loss skips (torch's convention)."""


@dataclass(frozen=True, slots=True)
class Example:
    """One training example; ``labels[i]`` belongs to ``input_ids[i]`` and is `IGNORED` where nothing is learnt."""

    input_ids: list[int]
    labels: list[int]


def encode_example(encoder: PromptEncoder, opening: Prompt, solution: Solution, end: str) -> Example:
    """Question and worked solution as one encoded text, with a loss on the assistant's turn and its end token only.

    The turn begins with ``<think>``, a special token, so no token straddles the seam.
    """
    turn = assistant_turn(solution.thinking, solution.answer)
    prompt_ids = encoder.encode(opening).ids
    turn_ids = (*encoder.encode(turn).ids, *encoder.encode_special(end))
    return Example([*prompt_ids, *turn_ids], [*(IGNORED for _ in prompt_ids), *turn_ids])


def encode_labelled(encoder: PromptEncoder, opening: Prompt, solution: Solution) -> Example:
    """Question and steps as the reward engine shows them, with a class at the last token of every step: 1 right, 0 wrong."""
    shown = encode_steps(encoder, opening, solution.steps, window=sys.maxsize, context=sys.maxsize)
    labels = [IGNORED] * len(shown.ids)
    for end, label in zip(shown.ends, solution.labels, strict=True):
        labels[end] = int(label)
    return Example(list(shown.ids), labels)
