"""Where the steps of a trace end in its tokens: what a process reward model is trained on and asked for."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from cordspec.plugin import THINK_OPEN, Prompt, prompt_text, thinking_prompt
from cordspec_hf.encoding import PromptEncoder


@dataclass(frozen=True, slots=True)
class EncodedSteps:
    """A question with the steps that are shown after it; ``ends`` is the place in ``ids`` of each step's last token."""

    ids: tuple[int, ...] = ()
    ends: tuple[int, ...] = ()


def encode_steps(
    encoder: PromptEncoder, opening: Prompt, steps: Sequence[str], *, window: int, context: int
) -> EncodedSteps:
    """``opening <think> steps`` in one encoding; whole steps are left out from the front until the others fit.

    The last token of a step is the last that overlaps its characters. Nothing is shown if not even the newest step fits.

    Args:
        window: the most tokens that the shown steps may have.
        context: the most tokens of all.
    """
    shown = list(steps)
    while shown:
        whole = encoder.encode(thinking_prompt(opening, "".join(shown)))
        bounds = list(accumulate(map(len, shown), initial=len(prompt_text(opening)) + len(THINK_OPEN)))
        firsts = [bisect_right(whole.spans, bound, key=lambda span: span[1]) for bound in bounds[:-1]]
        room = min(window, context - firsts[0])
        fitting = bisect_left(firsts, len(whole.ids) - room)
        if fitting == 0:
            ends = (bisect_left(whole.spans, bound, key=lambda span: span[0]) - 1 for bound in bounds[1:])
            return EncodedSteps(whole.ids, tuple(ends))
        shown = shown[fitting:]
    return EncodedSteps()
