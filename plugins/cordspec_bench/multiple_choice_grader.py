"""`multiple_choice`: the letter of a choice, or one of yes, no and maybe (PubMedQA's short answers)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import ClassVar, Final

from cordspec.plugin import Component, Options, Verdict, VerdictGrader, hookimpl
from cordspec_bench.exact_grader import plain_text
from cordspec_bench.final_answer import final_answer

_WORDS: Final = ("yes", "no", "maybe")
_DENIED = re.compile(r"\b(?:not|isn't|neither|nor|never|cannot|can't|except)\b", re.IGNORECASE)
_WHOLE = re.compile(r"(?:(?:option|choice|answer)\s+)?[\(\[]?([A-Za-z])[\)\]]?", re.IGNORECASE)
_LEADING = re.compile(
    r"(?:(?:option|choice|answer)\s+)?(?:\(([A-Z])\)|\[([A-Z])\]|([A-Z])[.):,])(?=\s|$)", re.IGNORECASE
)
_ANYWHERE = re.compile(r"[\(\[]([A-Z])[\)\]]|\b(?:option|choice)\s+([A-Z])\b")
_UNWRAPPED = re.compile(r"\\(?:text|mathrm|textbf|mathbf|mbox)\s*\{([^{}]*)\}")


class MultipleChoice(VerdictGrader[Options]):
    """Two different choices in one answer are none."""

    name: ClassVar[str] = "multiple_choice"

    def verdict(self, written: str, reference: str) -> Verdict:
        said = final_answer(written)
        if not said:
            return Verdict.no_answer("nothing is written")
        wanted = _choice(final_answer(reference))
        if not wanted:
            return Verdict.failed("the reference is no choice", said)
        found = _choice(said)
        if not found:
            return Verdict.no_answer("no choice, or more than one, is named")
        return Verdict.of(found == wanted, answer=found)


def _choice(text: str) -> str:
    """The one choice that a text names: a capital letter or a word; empty where it names none or several."""
    bare = _UNWRAPPED.sub(r"\1", text).strip().strip("*$\"'`").strip().rstrip(".").strip()
    words = plain_text(bare).replace(",", " ").replace(".", " ").split()
    if words and words[0].strip(":;!?()") in _WORDS:
        others = {word.strip(":;!?()") for word in words[1:3]} & set(_WORDS)
        return "" if others - {words[0].strip(":;!?()")} else words[0].strip(":;!?()")
    whole = _WHOLE.fullmatch(bare)
    if whole:
        return whole.group(1).upper()
    if _DENIED.search(bare):
        return ""
    leading = _LEADING.match(bare)
    letters = {letter.upper() for found in _ANYWHERE.findall(bare) for letter in found if letter}
    if leading:
        letters.add(next(letter for letter in leading.groups() if letter).upper())
    if letters:
        return letters.pop() if len(letters) == 1 else ""
    named = set(words) & set(_WORDS)
    return named.pop() if len(named) == 1 else ""


@hookimpl
def cordspec_components() -> Iterable[type[Component]]:
    yield MultipleChoice
