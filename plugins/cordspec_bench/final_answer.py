"""Finding the final answer in what a model wrote after its thinking, and comparing plain lists of numbers."""

from __future__ import annotations

import re
from fractions import Fraction

_CUE = re.compile(r"(?:the (?:final |correct )?answer is:?|\b(?:final )?answer\s*:)\s*", re.IGNORECASE)
_SENTENCE_END = re.compile(r"[.!?](?=\s|$)")
_BRACE = re.compile(r"\\boxed\s*\{|[{}]")
_ITEM = re.compile(r"(?:([A-Za-z]\w*)[ :=]+)?([+-]?\d+(?:\.\d+)?(?:/\d+)?)")
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d+)?")

_LIST = re.compile(r"[,;](?!\d{3})|\b(?:or|and)\b", re.IGNORECASE)
_EQUALS = re.compile(r"(?<![<>!\\])=|\\approx\b|\\simeq\b|≈")

Item = tuple[str, Fraction]
"""A number with its label, which may be empty: ``A 18`` or ``18``."""


def final_answer(written: str) -> str:
    r"""The last complete ``\boxed{...}``; else the sentence after the last "The final answer is" or "Answer:"; else all."""
    boxed = _last_boxed(written)
    if boxed is not None:
        return _bare(boxed)
    after = [written[cue.end() :] for cue in _CUE.finditer(written)]
    said = next((text for text in reversed(after) if text.strip()), None)
    return _bare(written if said is None else _SENTENCE_END.split(said.split("\n", 1)[0], maxsplit=1)[0])


def whole_answer(written: str) -> str:
    r"""The same, but all that stands after the last of these words: some answers have several lines or sentences."""
    boxed = _last_boxed(written)
    if boxed is not None:
        return boxed.strip()
    after = [written[cue.end() :].strip() for cue in _CUE.finditer(written)]
    return next((text for text in reversed(after) if text), written.strip())


def right_side(text: str) -> str:
    r"""What stands after the last sign of equality in ``x = 5`` or ``m + n = 2 + 3 \approx 5``; a list is left as it is."""
    if _LIST.search(text):
        return text
    return _EQUALS.split(text)[-1].strip()


def _bare(text: str) -> str:
    """Without the signs of emphasis, mathematics and sentence ends around it."""
    return text.strip().strip("*$`").strip().removesuffix(".").strip()


def _last_boxed(text: str) -> str | None:
    """The content of the complete box that begins last, found in one pass: a model may open as many as it likes."""
    last: tuple[int, int] | None = None
    open_at: list[int] = []
    for found in _BRACE.finditer(text):
        if found[0] != "}":
            open_at.append(found.end() if found[0] != "{" else -1)
        elif open_at and (start := open_at.pop()) >= 0 and (last is None or start > last[0]):
            last = start, found.start()
    return text[last[0] : last[1]] if last is not None else None


def brackets(text: str) -> str:
    """The round or square brackets around a text, empty where there are none."""
    ends = text.strip()[:1] + text.strip()[-1:]
    return ends if ends in ("()", "[]") else ""


def items(text: str) -> tuple[Item, ...] | None:
    """The entries of a plain list such as ``18, 4.5, 1/3`` or ``A 18, B 24``, or None if the text is anything else.

    A single number may group its thousands by commas; in a list a comma always separates.
    """
    bare = text.strip()
    if brackets(bare):
        bare = bare[1:-1]
    if _THOUSANDS.fullmatch(bare):
        bare = bare.replace(",", "")
    parts = [_ITEM.fullmatch(part.strip()) for part in re.split(r"[,;]", bare)]
    try:
        return tuple((part.group(1) or "", Fraction(part.group(2))) for part in parts if part) if all(parts) else None
    except (ZeroDivisionError, ValueError):  # Python reads no number of more than 4,300 digits
        return None
