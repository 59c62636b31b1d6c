"""`math_verify`: mathematical equality of final answers, by the math-verify library in a process of its own."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import ClassVar, Final

from pydantic import Field

from cordspec.plugin import Component, Options, Seconds, Unavailable, Verdict, VerdictGrader, hookimpl
from cordspec_bench.exact_grader import plain_text
from cordspec_bench.final_answer import brackets, final_answer, items
from cordspec_bench.quantities import read_quantity, readings
from cordspec_bench.worker_process import Failed, WorkerProcess

LONGEST: Final = 1_000
"""Characters of an answer that is compared as an expression; what is longer is no final answer."""
_TEXT = re.compile(r"\\(?:text|mathrm|textrm|mbox|textbf|mathbf)\s*\{([^{}]*)\}")
_COMMAND = re.compile(r"\\[A-Za-z]+")
_ENVIRONMENT = re.compile(r"\\(?:begin|end)\{[a-z*]+\}(?:\{[lcr|]+\})?|\\operatorname\*?")
_WORD = re.compile(r"[A-Za-z]{3,}|\b[Nn]o\b")
_NAMED = re.compile(r"[A-Za-z]\w{0,2} ?= ?(?=[^=])")
_MATHEMATICAL: Final = frozenset(
    (
        "and", "or", "sin", "cos", "tan", "cot", "sec", "csc", "arcsin", "arccos", "arctan", "sinh", "cosh", "tanh", "log",
        "exp", "sqrt", "max", "min", "gcd", "lcm", "mod", "pmod", "det",
    )
)  # fmt: skip


class MathVerifyOptions(Options):
    """Options of the grader."""

    time_limit: Seconds = Field(5.0, gt=0, description="an answer that takes longer to compare is wrong")


class MathVerify(VerdictGrader[MathVerifyOptions]):
    """Equal texts, plain lists of numbers in their order, single numbers with their units, and words are decided here; all
    else goes to math-verify, which would take words for products of letters and leave units out.
    """

    name: ClassVar[str] = "math_verify"
    version: ClassVar[str] = "2"

    def __init__(self, options: MathVerifyOptions) -> None:
        super().__init__(options)
        lacking = Unavailable("the grader needs math-verify", 'pip install "cordspec[bench]"')
        self._process = WorkerProcess(("cordspec_bench.math_worker",), lacking)

    def verdict(self, written: str, reference: str) -> Verdict:
        answer, wanted = final_answer(written), final_answer(reference)
        if not answer:
            return Verdict.no_answer("nothing is written")
        if answer == wanted:
            return Verdict.of(True, answer=answer)
        decided = _decided(answer, wanted)
        if decided is not None:
            return Verdict.of(decided, answer=answer)
        if len(answer) > LONGEST:
            return Verdict.of(False, answer=answer[:LONGEST], reason="too long for a final answer")
        try:
            reply = self._process.ask({"answer": answer, "wanted": wanted}, self.options.time_limit)
            return Verdict.of(reply["equal"], answer=answer)
        except Failed as failed:
            return Verdict.failed(str(failed), answer)

    def close(self) -> None:
        self._process.close()


def _decided(answer: str, wanted: str) -> bool | None:
    """Whether a plain answer is right; None for expressions."""
    bare, bare_wanted = _unnamed(answer, wanted), _unnamed(wanted, answer)
    items_wanted, items_found = items(bare_wanted), items(bare)
    if items_wanted is not None and (items_found is not None or len(items_wanted) > 1):
        kinds = {brackets(bare_wanted), brackets(bare)} - {""}
        return (
            items_found == items_wanted and len(kinds) < 2
        )  # `(1, 2)` is a point or an open interval, `[1, 2]` is closed
    quantity, found = (read_quantity(text, single_letters=False) for text in (bare_wanted, bare))
    if quantity is not None and found is not None:
        same = quantity.share in readings(found, quantity)
        return same or (quantity.value == found.value and not quantity.unit and found.percent)
    if _is_words(wanted) or _is_words(answer):
        return plain_text(wanted) == plain_text(answer)
    units = {" ".join(said) for text in (wanted, answer) if (said := _units(text))}
    return False if len(units) > 1 else None


def _unnamed(text: str, other: str) -> str:
    """``5`` of ``x = 5``, where the other side gives no name."""
    return _NAMED.sub("", text, count=1) if _NAMED.match(text) and "=" not in other and text.count("=") == 1 else text


def _is_words(text: str) -> bool:
    """Whether there are words in it that are neither mathematics nor the unit of an expression."""
    outside = _ENVIRONMENT.sub(" ", _TEXT.sub(" ", text))
    if not outside.strip(" ()[]{}.,"):
        return bool(text.strip())
    return any(word.lower() not in _MATHEMATICAL for word in _WORD.findall(_COMMAND.sub(" ", outside)))


def _units(text: str) -> list[str]:
    """What an expression's text parts say, which are its units; `and` and `or` are mathematics."""
    said = (plain_text(part) for part in _TEXT.findall(text))
    return [part for part in said if part and part not in _MATHEMATICAL]


@hookimpl
def cordspec_components() -> Iterable[type[Component]]:
    yield MathVerify
