"""The rows of a prompt's log-probabilities as SGLang sends them: ``[value, token id, text or null]`` for each place."""

from __future__ import annotations

from typing import Any

from cordspec_serving.backend import LOWEST, Span
from cordspec_serving.failures import BadScores, MissingScores
from cordspec_serving.reading import log_probability

REASON = "look at its version: the rows of this one cannot be trusted"


def read_rows(rows: Any, span: Span, start: int, name: str) -> tuple[float | None, ...]:
    """The target's log-probabilities, None for a probability of zero.

    Args:
        rows: entries for the places ``start`` to ``span.last - 1``; the first holds no value.
        start: what was asked for as ``logprob_start_len``, before ``span.first``.

    Raises:
        MissingScores: there are more or fewer rows, or they are of other tokens.
        BadScores: one holds no number.
    """
    expected = span.ids[start : span.last]
    if not isinstance(rows, list) or len(rows) != len(expected):
        count = len(rows) if isinstance(rows, list) else "no"
        raise MissingScores(f"{name} sends {count} rows of log-probabilities instead of {len(expected)}", REASON)
    if any(not isinstance(row, list) or len(row) < 2 for row in rows):
        raise MissingScores(f"{name} sends rows that are no pairs of a value and a token", REASON)
    if tuple(row[1] for row in rows) != expected:
        raise MissingScores(f"{name} sends log-probabilities of other tokens than the prompt's", REASON)
    return tuple(_value(row[0], name) for row in rows[span.first - start :])


def _value(value: object, name: str) -> float | None:
    found = log_probability(value)
    if found is None and not (isinstance(value, float) and value <= LOWEST):
        raise BadScores(f"{name} sends {value!r} where a log-probability is due", REASON)
    return found
