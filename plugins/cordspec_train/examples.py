"""Training examples: the assistant's turn of a dialogue, token by token, with everything before it masked."""

from __future__ import annotations

from dataclasses import dataclass

from cordspec.plugin import Prompt, Solution, assistant_turn
from cordspec_hf.encoding import PromptEncoder

IGNORED = -100
"""The label that the loss skips (torch's convention)."""


@dataclass(frozen=True, slots=True)
class Example:
    """One training example; ``labels[i]`` is ``input_ids[i]`` on the assistant's turn and `IGNORED` before it."""

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
