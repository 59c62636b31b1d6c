"""`exact`: the same text, but for case, white space and the signs around it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import ClassVar

from cordspec.plugin import Component, Options, Verdict, VerdictGrader, hookimpl
from cordspec_bench.final_answer import final_answer

_WRAPPED = re.compile(r"\\(?:text|mathrm|textrm|textbf|mathbf|mbox)\s*\{([^{}]*)\}")


class Exact(VerdictGrader[Options]):
    """For answers that are names, words or codes."""

    name: ClassVar[str] = "exact"

    def verdict(self, written: str, reference: str) -> Verdict:
        said, wanted = plain_text(final_answer(written)), plain_text(final_answer(reference))
        return Verdict.of(said == wanted, answer=said) if said else Verdict.no_answer("nothing is written")


def plain_text(text: str) -> str:
    """One form of a text: canonical Unicode, lower case, single spaces, no quotes or sentence ends around it."""
    unwrapped = _WRAPPED.sub(r"\1", unicodedata.normalize("NFC", text))
    return " ".join(unwrapped.split()).casefold().strip("\"'“”‘’`$.,;:!? ")


@hookimpl
def cordspec_components() -> Iterable[type[Component]]:
    yield Exact
