"""What stands around a question, for one model."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from cordspec.plugin import THINK_CLOSE, THINK_OPEN, InvalidData, Prompt, Segment, Unavailable, assistant_turn

OWN_THINK = re.compile(rf"{re.escape(THINK_OPEN)}\s*$")


@dataclass(frozen=True, slots=True)
class WorkedExample:
    """A question with its whole reply, shown before the real question."""

    question: str
    thinking: str
    answer: str


@dataclass(frozen=True, slots=True)
class PromptFrame:
    """The constant part of a model's prompts: ``before``, the question, ``after``, and there the assistant's turn begins.

    ``name`` says which adapter made it. ``examples`` are the questions that ``before`` answers.
    """

    name: str
    before: Prompt
    after: str
    examples: frozenset[str] = frozenset()

    @classmethod
    def between(cls, name: str, pieces: Sequence[str], examples: Sequence[WorkedExample]) -> PromptFrame:
        """Fill worked examples into the texts of a template; what they say is data.

        A ``<think>`` at the very end is cut: the trace format supplies it, so that exactly one opens the turn.

        Args:
            pieces: template texts, one more than there are contents: a question and a reply for each example, and the
                real question before the last piece.

        Raises:
            Unavailable: the assistant's turn would begin with more thinking tags than the one of the trace format.
        """
        contents: list[Prompt] = []
        for example in examples:
            contents += [(Segment(example.question),), assistant_turn(example.thinking, example.answer)]
        before = [Segment(pieces[0], template=True)]
        for content, piece in zip(contents, pieces[1:-1], strict=True):
            before += [*content, Segment(piece, template=True)]
        after = without_think(pieces[-1])
        if THINK_OPEN in after or THINK_CLOSE in after:
            raise Unavailable(
                f"the prompt `{name}` begins the assistant's turn with {after!r}, where one {THINK_OPEN} must follow",
                "choose another `prompt`, or a model whose template leaves the thinking open",
            )
        return cls(name, tuple(before), after, frozenset(example.question.strip() for example in examples))

    def around(self, question: str) -> Prompt:
        """The prompt of a question, up to where the assistant's turn begins.

        Raises:
            InvalidData: the question is a worked example, whose answer the prompt would show.
        """
        if question.strip() in self.examples:
            raise InvalidData(
                f"this question is also a worked example of its model's prompt: {question.strip()[:80]!r}",
                "take it out of the file that `examples` names",
            )
        return (*self.before, Segment(question), Segment(self.after, template=True))


def without_think(tail: str) -> str:
    """The end of a template without the ``<think>`` that it opens by itself."""
    return OWN_THINK.sub("", tail)
