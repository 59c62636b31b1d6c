"""Exact match and numeracy-focused F1 of TAT-QA, which take the scale of an answer into account.

Defined in Zhu et al., *TAT-QA: A Question Answering Benchmark on a Hybrid of Tabular and Textual Content in Finance* (ACL
2021), section 5, and in what its authors publish for evaluation (github.com/NExTplusplus/TAT-QA, `tatqa_metric.py`):

- an answer is spans and a scale (none, thousand, million, billion, percent). A number is rounded to two decimals,
  multiplied by its scale and written with four decimals; a text is followed by its scale. The spans are sorted and make
  one text.
- texts are compared without case, punctuation and articles, numbers in them by value. Exact match: the same texts. F1: of
  the two sets of tokens, to two decimals; where the answer is computed or counted, it is exact match.
- a single predicted number without a scale also counts as it is, so that 0.2342 is 23.42 percent.
- parentheses around a number make it negative.
"""

from __future__ import annotations

import re
import string
from dataclasses import dataclass
from typing import Final

SCALES: Final = {
    "hundred": 100.0, "thousand": 1e3, "million": 1e6, "billion": 1e9, "percent": 0.01,
}  # fmt: skip
_SIGNS: Final = str.maketrans("", "", "'\"\\$€£¥%(),[]")
_DIGITS = re.compile(r"[+-]?\d+(?:\.\d+)?")
_NEGATIVE = re.compile(r"\([\d.,\s%$€£¥]+\)")
_PERCENT = re.compile(r"[\d.\s]+%")
_PUNCTUATION: Final = str.maketrans("", "", string.punctuation)
_ARTICLES: Final = frozenset(("a", "an", "the"))


@dataclass(frozen=True, slots=True)
class Answer:
    """Spans with their scale; ``computed`` for an answer that is not in the text but worked out from it, or counted."""

    spans: tuple[str, ...]
    scale: str = ""
    computed: bool = False


@dataclass(frozen=True, slots=True)
class Match:
    """Exact match, and F1 in [0, 1]."""

    exact: bool
    f1: float


def match(predicted: Answer, gold: Answer) -> Match:
    """The better of the ways in which a prediction may be read."""
    wanted = _tokens(_text(gold))
    found = max(((exact, f1) for text in _readings(predicted) for exact, f1 in [_compare(_tokens(text), wanted)]))
    return Match(found[0], float(found[0]) if gold.computed else found[1])


def number(text: str) -> float | None:
    """The number that a text is, with a scale word after it or not; None for anything else."""
    words = [bare for word in text.split() if (bare := word.translate(_SIGNS))]
    if not words or (len(words) > 1 and _scale(words[1]) == 1.0):
        return None
    try:
        float(words[0])
    except ValueError:
        return None
    found = _DIGITS.search(text.translate(_SIGNS))
    if found is None:
        return None
    value = float(found.group()) * (_scale(words[1]) if len(words) > 1 else 1.0)
    value *= -1.0 if _NEGATIVE.search(text) else 1.0
    return round(value * (0.01 if _PERCENT.search(text) else 1.0), 4)


def _scale(word: str) -> float:
    return next((value for name, value in SCALES.items() if name in word.lower()), 1.0)


def _text(answer: Answer) -> str:
    return " ".join(_span(span, answer.scale) for span in sorted(answer.spans))


def _span(span: str, scale: str) -> str:
    value = number(span)
    if value is None:
        return f"{span} {scale}" if scale else span
    if "%" in span:
        return f"{value:.4f}"
    return f"{round(value, 2) * (_scale(scale) if scale else 1.0):.4f}"


def _readings(predicted: Answer) -> list[str]:
    texts = [_text(predicted)]
    if len(predicted.spans) == 1 and not predicted.scale and "%" not in predicted.spans[0]:
        value = number(predicted.spans[0])
        texts += [f"{value:.4f}"] if value is not None else []
    return texts


def _tokens(text: str) -> list[str]:
    tokens = []
    for word in text.lower().split():
        value = number(word)
        bare = word.translate(_PUNCTUATION) if value is None else str(value + 0.0)
        tokens += [bare] if bare and bare not in _ARTICLES else []
    return tokens


def _compare(found: list[str], wanted: list[str]) -> tuple[bool, float]:
    here, there = set(found), set(wanted)
    common = len(here & there)
    precision = common / len(here) if here else 1.0
    recall = common / len(there) if there else 1.0
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    return found == wanted, round(f1, 2)
