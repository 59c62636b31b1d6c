"""One family of models that are asked alike, described without a tokenizer."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePath

from cordspec_hf.prompting.frame import without_think


@dataclass(frozen=True, slots=True)
class PromptAdapter:
    """The turns of a chat, each as what stands before and after its content.

    Attributes:
        name: what a spec calls it.
        models: a regular expression for names of weights (the part after the last slash) that belong to it.
        start: what every prompt begins with.
        reply: how the assistant's turn opens, without its thinking.
        opens_thinking: whether the family's own template goes on with ``<think>`` and a line break.
        turn_end: how the assistant ends its turn; one token.
        gap: what stands between that and the next user turn.
        system: the recommended system text; empty where the authors recommend none.
        source: where these facts are from.
    """

    name: str
    models: str
    start: str
    system_turn: tuple[str, str]
    user_turn: tuple[str, str]
    reply: str
    opens_thinking: bool
    turn_end: str
    gap: str
    source: str
    system: str = ""

    def knows(self, weights: str) -> bool:
        """Whether the name of some weights says that they are of this family."""
        return bool(self.models and re.search(self.models, PurePath(weights).name, re.IGNORECASE))

    def pieces(self, system: str = "", examples: int = 0) -> list[str]:
        """The texts around the contents of a chat that ends with a user's turn.

        Args:
            system: replaces the recommended system text.
            examples: rounds of question and reply before the real question.
        """
        said = system or self.system
        head = self.start + (said.join(self.system_turn) if said else "")
        before, after = self.user_turn
        rounds = [after + self.reply, self.turn_end + self.gap + before] * examples
        thinking = "<think>\n" if self.opens_thinking else ""
        return [head + before, *rounds, after + self.reply + thinking]


def same_opening(one: list[str], other: list[str]) -> bool:
    """Whether two templates ask alike once the trace format supplies ``<think>``."""
    return [*one[:-1], without_think(one[-1])] == [*other[:-1], without_think(other[-1])]
