"""Finding the final answer in what a model wrote after its thinking, and comparing plain numbers."""

from __future__ import annotations

import re
from fractions import Fraction

_CUE = re.compile(r"the (?:final )?answer is:?\s*(.+)", re.IGNORECASE)
_NUMBER = re.compile(r"[+-]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:/\d+)?")


def final_answer(written: str) -> str:
    r"""The last complete ``\\boxed{...}``; else the sentence after the last "The final answer is"; else all of it."""
    boxed = _last_boxed(written)
    if boxed is not None:
        return boxed.strip()
    cues = _CUE.findall(written)
    return (cues[-1] if cues else written).strip().removesuffix(".").strip()


def _last_boxed(text: str) -> str | None:
    for start in reversed([found.end() for found in re.finditer(r"\\boxed\s*\{", text)]):
        depth = 1
        for at in range(start, len(text)):
            depth += {"{": 1, "}": -1}.get(text[at], 0)
            if depth == 0:
                return text[start:at]
    return None


def numbers(text: str) -> tuple[Fraction, ...] | None:
    """The numbers of a plain list such as ``18, 4.5, 1/3``, or None if the text is anything else."""
    parts = [part.strip().strip("$") for part in re.split(r",\s+|;", text)]
    if not parts or not all(_NUMBER.fullmatch(part) for part in parts):
        return None
    try:
        return tuple(Fraction(part.replace(",", "")) for part in parts)
    except ZeroDivisionError:
        return None
