"""Between token ids and texts, for servers that read or write only one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cordspec.plugin import Segment, Unavailable
from cordspec_hf.encoding import PromptEncoder
from cordspec_serving.backend import Ids

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

CONTEXT: Final = 16
"""Tokens of the prompt in whose company a continuation is decoded: some tokenizers drop the space of a first token."""


class Spelling:
    """One tokenizer, both ways.

    Attributes:
        before: the ids that it puts before a text of its own accord.
        end: an id that stands for the end of a text where a server does not show its own.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerFast) -> None:
        self._tokenizer = tokenizer
        self._encoder = PromptEncoder(tokenizer)
        self.end = tokenizer.eos_token_id if isinstance(tokenizer.eos_token_id, int) else 0
        self._special = frozenset({*tokenizer.all_special_ids, self.end})
        first, alone = self._read("x"), self.ids("x")
        self.before = first[: len(first) - len(alone)] if first[len(first) - len(alone) :] == alone else ()

    def ids(self, text: str) -> Ids:
        """A text as data: nothing in it is a special token."""
        return self._encoder.encode((Segment(text),)).ids

    def ends(self, token: int) -> bool:
        """Whether a token may end a text."""
        return token in self._special

    def continuation(self, prompt: Ids, ids: Ids) -> str:
        """The text of tokens that continue a prompt."""
        context = prompt[-CONTEXT:]
        before, whole = self._decode(context), self._decode(context + ids)
        return whole[len(before) :] if whole.startswith(before) else self._decode(ids)

    def text(self, ids: Ids) -> str:
        """The text that a server reads as exactly these tokens, with what it puts before a text of its own accord.

        Raises:
            Unavailable: there is none; what was written by a problem or a model spells a special token.
        """
        length = len(self.before)
        for spelled in (ids[length:] if ids[:length] == self.before else ids, ids):
            text = self._decode(spelled)
            if self._read(text) == ids:
                return text
        raise Unavailable(
            "a prompt cannot be sent as text: the server would read other tokens than those that are meant",
            "use a server that takes token ids, or leave out the problem whose text spells a special token",
        )

    def _read(self, text: str) -> Ids:
        return tuple(self._tokenizer(text)["input_ids"])

    def _decode(self, ids: Ids) -> str:
        return str(self._tokenizer.decode(list(ids), skip_special_tokens=False, clean_up_tokenization_spaces=False))
