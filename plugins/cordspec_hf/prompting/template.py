"""A tokenizer's own chat template, rendered around contents that are filled in afterwards."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING

from cordspec.plugin import Unavailable

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

TEMPLATE_DATE = datetime(2026, 1, 1)
"""The date that a chat template is told: a prompt that changed at midnight would void a run's journal."""
SLOT = re.compile("\x00[0-9]+\x00")
OTHERS = "name another `prompt`: `base`, or a family from docs/prompts.md"


def template_pieces(tokenizer: PreTrainedTokenizerFast, system: str = "", examples: int = 0) -> list[str]:
    """The texts of the template around a chat's contents, as `PromptAdapter.pieces` gives them.

    A template that can switch thinking off is told to leave it on. Contents are filled in later, so a template that
    drops the thinking of earlier replies cannot do so here.

    Raises:
        Unavailable: there is no template, or it does not show every content once, in order.
    """
    if tokenizer.chat_template is None:
        raise Unavailable("the tokenizer has no chat template", OTHERS)
    from jinja2 import TemplateError

    slots = [f"\x00{number}\x00" for number in range(2 * examples + 1)]
    messages = [{"role": "assistant" if number % 2 else "user", "content": slot} for number, slot in enumerate(slots)]
    if system:
        messages.insert(0, {"role": "system", "content": system})
    try:
        rendered = str(
            tokenizer.apply_chat_template(
                messages,
                add_generation_prompt=True,
                tokenize=False,
                strftime_now=TEMPLATE_DATE.strftime,
                enable_thinking=True,
            )
        )
    except (TemplateError, TypeError, ValueError) as error:
        raise Unavailable(f"the chat template cannot be rendered: {error}", OTHERS) from error
    shown = SLOT.findall(rendered)
    if shown != slots:
        times = shown.count(slots[-1])
        what = f"the question {times} times instead of once" if times != 1 else "the worked examples out of order"
        raise Unavailable(f"the chat template shows {what}", OTHERS)
    pieces = SLOT.split(rendered)
    if system.strip() not in pieces[0]:
        raise Unavailable("the chat template does not show the system text", "leave `system` out, or " + OTHERS)
    return pieces
