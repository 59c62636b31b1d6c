"""`tatqa`: exact match of answers to questions over tables, with their scale (paper, section 4.2: TaTQA); F1 is the score."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

from cordspec.plugin import Component, Options, Verdict, VerdictGrader, hookimpl
from cordspec_bench.final_answer import final_answer
from cordspec_bench.tatqa_metric import SCALES, Answer, match, number

_WRAPPED = re.compile(r"\\(?:text|mathrm|textrm|textbf|mbox)\s*\{([^{}]*)\}")
_COMPUTED = frozenset(("arithmetic", "count"))
_SCALED = re.compile(rf"(.*?\S)\s+({'|'.join(SCALES)})s?", re.IGNORECASE | re.DOTALL)
_SPANS = re.compile(r"\s*[;\n|]\s*")
_LISTED = re.compile(r"\s*[;\n|]\s*|,\s+(?:and\s+)?|\s+and\s+")


class TatqaGrader(VerdictGrader[Options]):
    """The reference is a text, or a JSON object with the data set's own ``answer``, ``answer_type`` and ``scale``.

    Spans are separated by semicolons; a model may also separate them by commas or `and`. A scale is the last word.
    """

    name: ClassVar[str] = "tatqa"

    def verdict(self, written: str, reference: str) -> Verdict:
        said = _plain(final_answer(written))
        if not said:
            return Verdict.no_answer("nothing is written")
        gold = _gold(reference)
        if not gold.spans:
            return Verdict.failed("the reference names no answer", said)
        best = max((match(reading, gold) for reading in _readings(said)), key=lambda found: (found.exact, found.f1))
        return Verdict.of(best.exact, score=best.f1, answer=said)


def _gold(reference: str) -> Answer:
    row = _object(reference)
    if row is None:
        found = _answer(_plain(final_answer(reference)), _SPANS)
        single = found.spans[0] if len(found.spans) == 1 else ""
        return Answer(found.spans, found.scale, computed=number(single) is not None)
    content = row["answer"]
    spans = content if isinstance(content, list) else [content]
    computed = row.get("answer_type") in _COMPUTED
    return Answer(tuple(str(span) for span in spans), str(row.get("scale") or ""), computed)


def _object(text: str) -> dict[str, Any] | None:
    try:
        row = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) and "answer" in row else None


def _readings(said: str) -> Iterator[Answer]:
    row = _object(said)
    if row is not None:
        yield _gold(said)
    yield _answer(said, _SPANS)
    listed = _answer(said, _LISTED)
    if len(listed.spans) > 1:
        yield listed


def _answer(text: str, separators: re.Pattern[str]) -> Answer:
    """Spans and the scale behind the last of them."""
    scaled = _SCALED.fullmatch(text)
    body, scale = (scaled.group(1), scaled.group(2).lower()) if scaled else (text, "")
    return Answer(tuple(span for span in separators.split(body) if span), scale)


def _plain(text: str) -> str:
    """A text without LaTeX around its words and signs."""
    text = _WRAPPED.sub(r" \1 ", text.replace("\\$", "$").replace("\\%", "%").replace("{,}", ","))
    return " ".join(text.replace("−", "-").split(" ")).strip().removesuffix(".")


@hookimpl
def cordspec_components() -> Iterable[type[Component]]:
    yield TatqaGrader
