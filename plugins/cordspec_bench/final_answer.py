"""Finding the final answer in what a model wrote after its thinking, and comparing plain lists of numbers."""

from __future__ import annotations

import re
from fractions import Fraction

_CUE = re.compile(r"the (?:final )?answer is:?\s*(.+)", re.IGNORECASE)
_SENTENCE_END = re.compile(r"[.!?](?=\s|$)")
_ITEM = re.compile(r"(?:([A-Za-z]\w*)[ :=]+)?([+-]?\d+(?:\.\d+)?(?:/\d+)?)")
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d+)?")

Item = tuple[str, Fraction]
"""A number with its label, which may be empty: ``A 18`` or ``18``."""


def final_answer(written: str) -> str:
    r"""The last complete ``\boxed{...}``; else the sentence after the last "The final answer is"; else all of it."""
    boxed = _last_boxed(written)
    if boxed is not None:
        return _bare(boxed)
    cues = _CUE.findall(written)
    return _bare(_SENTENCE_END.split(cues[-1], maxsplit=1)[0] if cues else written)


def _bare(text: str) -> str:
    """Without the signs of emphasis, mathematics and sentence ends around it."""
    return text.strip().strip("*$`").strip().removesuffix(".").strip()


def _last_boxed(text: str) -> str | None:
    for start in reversed([found.end() for found in re.finditer(r"\\boxed\s*\{", text)]):
        depth = 1
        for at in range(start, len(text)):
            depth += {"{": 1, "}": -1}.get(text[at], 0)
            if depth == 0:
                return text[start:at]
    return None


def items(text: str) -> tuple[Item, ...] | None:
    """The entries of a plain list such as ``18, 4.5, 1/3`` or ``A 18, B 24``, or None if the text is anything else.

    A single number may group its thousands by commas; in a list a comma always separates.
    """
    bare = text.strip()
    if bare[:1] + bare[-1:] in ("()", "[]"):
        bare = bare[1:-1]
    if _THOUSANDS.fullmatch(bare):
        bare = bare.replace(",", "")
    parts = [_ITEM.fullmatch(part.strip()) for part in re.split(r"[,;]", bare)]
    try:
        return tuple((part.group(1) or "", Fraction(part.group(2))) for part in parts if part) if all(parts) else None
    except ZeroDivisionError:
        return None
