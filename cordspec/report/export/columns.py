"""The columns of each form, declared once: for Parquet, for `datasets` and for the card."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, get_args

Form = Literal["messages", "prompt_completion", "preferences", "step_labels"]
FORMS: Final[tuple[Form, ...]] = get_args(Form)
Kind = str | list["Kind"] | dict[str, "Kind"]
"""``string``, ``int64``, ``float64`` or ``bool``; a list with the kind of its items; a record with those of its fields."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a form, with what is in it."""

    kind: Kind
    meaning: str


Columns = Mapping[str, Column]

_TURNS: Final[Kind] = [{"role": "string", "content": "string"}]
_SPAN: Final[dict[str, Kind]] = {"start": "int64", "end": "int64", "authors": ["string"]}
_PROBLEM: Final = Column("string", "identifies the problem: a hash of its question")
_ORIGIN: Final = Column(
    {"seed": "int64", "stage": "string", "environment": "string"},
    "where the row comes from: the run's seed, the stage, which names all that it was made from, and a hash of the versions",
)
_CORRECT: Final = Column("bool", "whether the trace ends in the right answer")
_TRACE: Final[Columns] = {
    "spans": Column([_SPAN], "for each step of the thinking, where it stands in the assistant's text and who wrote it"),
    "answer_span": Column(_SPAN, "the same for the final answer"),
    "score": Column("float64", "what the scorer gave the whole thinking"),
    "correct": _CORRECT,
    "reference": Column("string", "the right answer, as the problem set has it"),
    "problem": _PROBLEM,
    "origin": _ORIGIN,
}

COLUMNS: Final[Mapping[Form, Columns]] = {
    "messages": {
        "messages": Column(
            _TURNS, "the question and the assistant's text: thinking in `<think>` tags, then the answer"
        ),
        **_TRACE,
    },
    "prompt_completion": {
        "prompt": Column(_TURNS, "the question, as one turn of the user"),
        "completion": Column(_TURNS, "the assistant's text, as one turn"),
        **_TRACE,
    },
    "preferences": {
        "prompt": Column(_TURNS, "the question, as one turn of the user"),
        "chosen": Column(_TURNS, "the assistant's text up to the step that stands in the trace"),
        "rejected": Column(_TURNS, "the same up to a sibling of that step: another proposal for the same prefix"),
        "step_start": Column("int64", "where the step begins in both texts, which are equal up to there"),
        "score_chosen": Column("float64", "what the scorer gave the first"),
        "score_rejected": Column("float64", "what the scorer gave the second"),
        "margin": Column("float64", "the difference of the scores, above 0"),
        "authors_chosen": Column(["string"], "the teachers that proposed the first"),
        "authors_rejected": Column(["string"], "the teachers that proposed the second"),
        "depth": Column("int64", "the number of steps in the prefix"),
        "wave": Column("int64", "the wave of the search in which the first was proposed"),
        "correct": _CORRECT,
        "problem": _PROBLEM,
        "origin": _ORIGIN,
    },
    "step_labels": {
        "prompt": Column("string", "the question"),
        "completions": Column(["string"], "steps, each without the line break that it begins with"),
        "labels": Column(["bool"], "for each step, whether it is taken to be right"),
        "scores": Column(
            ["float64"], "soft labels: what the scorer gave the prefix that the step ends; null if not scored"
        ),
        "authors": Column([["string"]], "for each step, the teachers that proposed it"),
        "problem": _PROBLEM,
        "origin": _ORIGIN,
    },
}


def features(columns: Columns) -> list[dict[str, object]]:
    """The columns in the words of a dataset card's ``dataset_info``."""
    return [_feature(name, column.kind) for name, column in columns.items()]


def _feature(name: str, kind: Kind) -> dict[str, object]:
    if isinstance(kind, str):
        return {"name": name, "dtype": kind}
    return {"name": name, **_inner(kind)}


def _inner(kind: Kind) -> dict[str, object]:
    if isinstance(kind, dict):
        return {"struct": [_feature(name, inner) for name, inner in kind.items()]}
    item = kind[0]
    if isinstance(item, str):
        return {"list": item}
    return {"list": _inner(item)["struct"] if isinstance(item, dict) else _inner(item)}
