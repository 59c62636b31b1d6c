"""What trained models should not learn unseen: rows of an export that hold control characters, special tokens, URLs or mail.

All of it was written by models or strangers. Nothing is taken out: who trains decides, and is told the number.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from cordspec.domain.prompt import THINK_CLOSE, THINK_OPEN
from cordspec.report.export.texts import Row

URL: Final = re.compile(r"\b(?:https?|ftp|file)://\S|\bjavascript:\S|\bwww\.\w", re.IGNORECASE)
MAIL: Final = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}\.\w")
SPECIAL: Final = re.compile(
    r"<\|[^|<>\s]{1,40}\|>|<｜[^｜<>]{1,40}｜>|</?s>|<(?:pad|unk|bos|eos|mask)>|<(?:start|end)_of_turn>"
    r"|\[/?INST\]|<</?SYS>>|</?(?:tool_call|tool_response)>"
)
"""Spellings of tokens that chat templates of public models are made of."""
CONTROLS: Final = frozenset({"Cc", "Cf", "Cs", "Co"})
PRIVATE: Final = frozenset({"origin"})
"""Columns that cordspec wrote itself."""


@dataclass(frozen=True, slots=True)
class Scan:
    """Of ``rows``, how many hold something of each sort at least once."""

    rows: int
    controls: int
    special_tokens: int
    urls: int
    mail: int

    @property
    def found(self) -> dict[str, int]:
        """What was found, in words, with the number of rows."""
        told = {
            "control characters": self.controls,
            "special tokens": self.special_tokens,
            "URLs": self.urls,
            "mail addresses": self.mail,
        }
        return {what: count for what, count in told.items() if count}


def scan(rows: Iterable[Row]) -> Scan:
    """Look through all texts of all rows."""
    texts = [list(_texts([value for name, value in row.items() if name not in PRIVATE])) for row in rows]
    return Scan(
        len(texts),
        sum(any(map(_has_controls, row)) for row in texts),
        sum(any(map(_has_special, row)) for row in texts),
        sum(any(URL.search(text) for text in row) for row in texts),
        sum(any(MAIL.search(text) for text in row) for row in texts),
    )


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _texts(inner)


def _has_controls(text: str) -> bool:
    plain = text.isascii() and text.isprintable()
    return not plain and any(one not in "\n\t" and unicodedata.category(one) in CONTROLS for one in text)


def _has_special(text: str) -> bool:
    """Tags of thinking are a text's frame, once each; more of them were written inside it."""
    return bool(SPECIAL.search(text)) or max(text.count(THINK_OPEN), text.count(THINK_CLOSE)) > 1
