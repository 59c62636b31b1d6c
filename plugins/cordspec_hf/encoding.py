"""Raw prompts to token ids: one encoding of the whole text, in which only template segments hold special tokens."""

from __future__ import annotations

import json
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from cordspec.plugin import Prompt
from cordspec_hf.prompting.choosing import chosen_frame

if TYPE_CHECKING:
    import tokenizers
    from transformers import PreTrainedTokenizerFast


@dataclass(frozen=True)
class Encoding:
    """Token ids, and where each of them stands in the prompt's text.

    ``pieces`` are what was encoded by itself, with the character at which it begins: a special token, or a text.
    """

    ids: tuple[int, ...]
    pieces: tuple[tuple[int, str | tokenizers.Encoding], ...]

    @cached_property
    def spans(self) -> tuple[tuple[int, int], ...]:
        """The half-open character span of each token; only scoring asks for it."""
        found: list[tuple[int, int]] = []
        for at, piece in self.pieces:
            if isinstance(piece, str):
                found.append((at, at + len(piece)))
            else:
                found += [(at + first, at + last) for first, last in piece.offsets]
        return tuple(found)

    def overlapping(self, start: int, end: int) -> tuple[int, int]:
        """The range of tokens that overlap the characters ``start..end``; the scored span of paper.md section 4.

        Raises:
            ValueError: no token overlaps the characters.
        """
        first = bisect_right(self.spans, start, key=lambda span: span[1])
        last = bisect_left(self.spans, end, key=lambda span: span[0])
        if first >= last:
            raise ValueError(f"no token overlaps characters {start}..{end}")
        return first, last


class PromptEncoder:
    """Encodes prompts for one tokenizer.

    A fast tokenizer first cuts a text at its added tokens and then encodes what lies between. This class does the same,
    but looks for added tokens in template segments only. What lies between two of them is encoded as one piece whatever
    segments it comes from, so a text without special tokens in its data has exactly the ids of ``tokenizer(text)``.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerFast) -> None:
        from tokenizers import Tokenizer

        description = json.loads(tokenizer.backend_tokenizer.to_str())
        self._added = {token["content"]: token["id"] for token in description["added_tokens"]}
        self._strips_right = {token["content"] for token in description["added_tokens"] if token["rstrip"]}
        self._strips_left = {token["content"] for token in description["added_tokens"] if token["lstrip"]}
        description["added_tokens"] = []
        for setting in ("post_processor", "truncation", "padding"):
            description[setting] = None
        self._plain = Tokenizer.from_str(json.dumps(description))
        longest_first = sorted(self._added, key=len, reverse=True)
        self._special = re.compile(f"({'|'.join(map(re.escape, longest_first)) or '(?!)'})")
        self._templates: dict[str, list[tuple[str, bool]]] = {}

    def encode(self, prompt: Prompt) -> Encoding:
        ids: list[int] = []
        pieces: list[tuple[int, str | tokenizers.Encoding]] = []
        pending, pending_at, at = "", 0, 0
        before = ""

        def flush(strip_right: bool = False) -> None:
            nonlocal pending, pending_at
            if before in self._strips_right:
                stripped = pending.lstrip()
                pending_at += len(pending) - len(stripped)
                pending = stripped
            if strip_right:
                pending = pending.rstrip()
            if pending:
                piece = self._plain.encode(pending, add_special_tokens=False)
                ids.extend(piece.ids)
                pieces.append((pending_at, piece))
            pending = ""

        for text, special in self._pieces(prompt):
            if special:
                flush(text in self._strips_left)
                before = text
                ids.append(self._added[text])
                pieces.append((at, text))
                pending_at = at + len(text)
            else:
                pending += text
            at += len(text)
        flush()
        return Encoding(tuple(ids), tuple(pieces))

    def encode_special(self, text: str) -> tuple[int, ...]:
        """The id of one special token.

        Raises:
            ValueError: the tokenizer has no such token.
        """
        if text not in self._added:
            raise ValueError(f"the tokenizer has no special token {text!r}")
        return (self._added[text],)

    def _pieces(self, prompt: Prompt) -> Iterator[tuple[str, bool]]:
        for segment in prompt:
            if segment.template:
                yield from self._template_pieces(segment.text)
            elif segment.text:
                yield segment.text, False

    def _template_pieces(self, text: str) -> list[tuple[str, bool]]:
        """A text of a template, cut at its special tokens; templates have few texts, and say them in every prompt."""
        if text not in self._templates:
            parts = self._special.split(text)  # texts and special tokens in turns
            self._templates[text] = [(part, bool(at % 2)) for at, part in enumerate(parts) if part]
        return self._templates[text]


def chat_opening(tokenizer: PreTrainedTokenizerFast, question: str) -> Prompt:
    """The automatic prompt of a tokenizer around a question, up to where the assistant's turn begins.

    Raises:
        Unavailable: the chat template cannot frame a question.
    """
    return chosen_frame(tokenizer).around(question)
