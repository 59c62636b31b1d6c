"""Which prompt a model gets, and whether it is the one that the model was trained with."""

from __future__ import annotations

from dataclasses import replace
from itertools import zip_longest
from typing import TYPE_CHECKING

from cordspec.plugin import InvalidData, Unavailable
from cordspec_hf.prompting.adapter import PromptAdapter, same_opening
from cordspec_hf.prompting.families import BASE, FAMILIES
from cordspec_hf.prompting.frame import PromptFrame, WorkedExample, without_think
from cordspec_hf.prompting.options import PromptOptions
from cordspec_hf.prompting.template import template_pieces
from cordspec_std.problems.jsonl import JsonLines, JsonLinesOptions

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

SHOWN = 32
"""Characters on either side of the place where two prompts part."""


def chosen_frame(
    tokenizer: PreTrainedTokenizerFast, options: PromptOptions | None = None, weights: str = ""
) -> PromptFrame:
    """The frame that the options ask for.

    Args:
        weights: their name on the hub or their directory. It serves only to notice that a model of a known family has
            another template than its family, never to choose a prompt behind the template's back.

    Raises:
        Unavailable: there is no template where one is needed, or it is not the one that the family was described from.
        InvalidData: the worked examples are wrong.
    """
    options = options or PromptOptions()
    examples = worked_examples(options.examples)
    if options.prompt == "template":
        adapter = None
    elif options.prompt == "base":
        adapter = replace(BASE, start=_first_token(tokenizer))
    elif options.prompt == "auto":
        adapter = _recognised(tokenizer, weights)
    else:
        adapter = next(family for family in FAMILIES if family.name == options.prompt)
    if adapter is None:
        pieces = template_pieces(tokenizer, options.system, len(examples))
        return PromptFrame.between("template", pieces, examples)
    if adapter in FAMILIES:
        _check(adapter, tokenizer, len(examples))
    return PromptFrame.between(adapter.name, adapter.pieces(options.system, len(examples)), examples)


def worked_examples(path: str) -> list[WorkedExample]:
    """The worked examples of a file of problems; none for an empty path.

    Raises:
        Unavailable: the file cannot be read.
        InvalidData: a row is wrong, or has no thinking.
    """
    examples = []
    for number, problem in enumerate(JsonLines(JsonLinesOptions(path=path)).load() if path else (), 1):
        if problem.solution is None:
            raise InvalidData(f"worked example {number} of {path} has no `thinking`", "write its steps, with headers")
        thinking = "\n" + problem.solution.thinking.strip()
        examples.append(WorkedExample(problem.question, thinking, problem.solution.answer))
    return examples


def _recognised(tokenizer: PreTrainedTokenizerFast, weights: str) -> PromptAdapter | None:
    """The family that the weights are named after, else the one whose template this is, else none."""
    named = next((family for family in FAMILIES if family.knows(weights)), None)
    if tokenizer.chat_template is None:
        if named is not None:
            message = f"{weights} is named as one of `{named.name}`, but its tokenizer has no chat template"
            raise Unavailable(message, f"write `prompt = {named.name}`, or `prompt = base` for plain text")
        return replace(BASE, start=_first_token(tokenizer))
    own = template_pieces(tokenizer)
    return named or next((family for family in FAMILIES if family.pieces() == own), None)


def _check(adapter: PromptAdapter, tokenizer: PreTrainedTokenizerFast, examples: int) -> None:
    """Hold what a family is known to send against the template that is here.

    Raises:
        Unavailable: they differ, or the tokenizer does not know how the family ends a turn.
    """
    if adapter.turn_end not in tokenizer.get_vocab():
        message = f"the tokenizer has no token `{adapter.turn_end}`, with which `{adapter.name}` ends a turn"
        raise Unavailable(message, "write `prompt = template` or `prompt = base`")
    if tokenizer.chat_template is None:
        return
    expected, own = adapter.pieces(examples=examples), template_pieces(tokenizer, examples=examples)
    if not same_opening(expected, own):
        message = (
            f"the model's chat template is not the one that `{adapter.name}` stands for: {_parting(own, expected)}"
        )
        raise Unavailable(message, "write `prompt = template` to go on with the model's own")


def _parting(own: list[str], expected: list[str]) -> str:
    """Where the template's prompt and the family's begin to differ."""
    one, other = ("…".join([*pieces[:-1], without_think(pieces[-1])]) for pieces in (own, expected))
    at = next(at for at, (a, b) in enumerate(zip_longest(one, other)) if a != b)
    begin, end = max(0, at - SHOWN), at + SHOWN
    return f"it has {one[begin:end]!r} where {other[begin:end]!r} is expected"


def _first_token(tokenizer: PreTrainedTokenizerFast) -> str:
    """The token that the tokenizer itself puts before a text, such as Llama's ``<|begin_of_text|>``; often none."""
    first = tokenizer("x")["input_ids"][0]
    return str(tokenizer.bos_token) if tokenizer.bos_token and first == tokenizer.bos_token_id else ""
