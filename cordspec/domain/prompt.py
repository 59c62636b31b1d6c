"""Raw prompts: what is template and what is data, and the text format of a reasoning trace.

A prompt is a sequence of segments. Only template segments may hold special tokens; whatever a problem file or a model
wrote is data and is always encoded as plain text, so that a step cannot close the thinking part or end a turn.

The format of a trace, with our whitespace (the paper fixes the words, section 3 and Figure 6, not the line breaks)::

    {opening}<think>
    ### Step 1. ...
    ### Step 2. ...
    </think>

    The final answer is 42.

Every step begins with its line break. A tokenizer may make one token of that and the full stop before it, so texts are
encoded whole and never put together from the tokens of their parts.
"""

from __future__ import annotations

from dataclasses import dataclass

THINK_OPEN = "<think>"
THINK_CLOSE = "</think>"
ANSWER_CUE = "\n\nThe final answer is "
ANSWER_END = "."


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of a raw prompt. ``template`` pieces may contain special tokens, data may not."""

    text: str
    template: bool = False


Prompt = tuple[Segment, ...]


def prompt_text(prompt: Prompt) -> str:
    return "".join(segment.text for segment in prompt)


def thinking_prompt(opening: Prompt, thinking: str) -> Prompt:
    """The prompt that a teacher continues: everything up to the end of the shared prefix."""
    return (*opening, Segment(THINK_OPEN, template=True), Segment(thinking))


def answer_prompt(opening: Prompt, thinking: str) -> Prompt:
    """The prompt after which a model writes its final answer."""
    return (*thinking_prompt(opening, thinking), Segment("\n"), Segment(THINK_CLOSE, template=True))


def forced_answer_prompt(opening: Prompt, thinking: str) -> Prompt:
    """The prompt whose continuation by the reference answer is scored (paper, equation 2)."""
    return (*answer_prompt(opening, thinking), Segment(ANSWER_CUE))


def assistant_turn(thinking: str, answer: str) -> Prompt:
    """What a student learns to write: the trace in ``<think>`` tags and the final answer."""
    return (
        Segment(THINK_OPEN, template=True),
        Segment(thinking),
        Segment("\n"),
        Segment(THINK_CLOSE, template=True),
        Segment(answer),
    )
