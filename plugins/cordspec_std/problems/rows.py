"""Rows of a data set to problems: which column is what, and what is wrong with a row.

A column is named by its path: ``context.contexts`` is the key ``contexts`` inside ``context``, and a list is walked through.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from string import ascii_uppercase
from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field, field_validator

from cordspec.plugin import ANSWER_CUE, ANSWER_END, Column, InvalidData, Options, Problem, Solution

Row = Mapping[str, object]
Placed = tuple[str, object]
"""A row with the place that a message names: ``file:line``, or the number of the row."""

MOST_CHARACTERS: Final = 4 * 2**20
"""Of one text. A longer one is no question and no solution, but a file of another format or a damaged one."""
PLACEHOLDER: Final = re.compile(r"\{(\w+)\}")


class RowOptions(Options):
    """Which columns of a row make up a problem."""

    question: Annotated[str, Column(carries_answer=False)] = Field("question", description="the column of the question")
    answer: Annotated[str, Column(carries_answer=True)] = Field(
        "answer", description="the column of the reference answer"
    )
    scale: Annotated[str, Column(carries_answer=True)] = Field(
        "", description="the column of the answer's scale or unit, which is written after it"
    )
    thinking: Annotated[str, Column(carries_answer=True)] = Field(
        "", description="the column of a worked solution's thinking, where there is one"
    )
    context: Annotated[tuple[str, ...], Column(carries_answer=False)] = Field(
        (), description="columns of what the question is about: paragraphs, and tables as rows of cells"
    )
    choices: Annotated[str, Column(carries_answer=False)] = Field(
        "",
        description="the column of the answers to choose from; they are lettered, and a number as the answer is a letter",
    )
    template: str = Field(
        "{context}\n\n{question}\n\n{choices}",
        description="what is asked: holds `{question}`, and `{context}` and `{choices}` where there are such columns",
    )
    each: str = Field(
        "", description="a column with a list of rows, each of which is a problem; it sees the outer row's columns too"
    )
    ambiguous: Literal["refuse", "leave_out"] = Field(
        "refuse", description="what becomes of a question that comes again with another answer"
    )
    rows: int = Field(0, ge=0, description="how many problems it must hold; 0 for any number")
    limit: int = Field(0, ge=0, description="read only so many problems; 0 for all")

    known: ClassVar[tuple[str, ...]] = ("context", "question", "choices")

    @field_validator("template")
    @classmethod
    def _asks(cls, template: str) -> str:
        found = PLACEHOLDER.findall(template)
        if "question" not in found or len(set(found)) < len(found) or not set(found) <= set(cls.known):
            raise ValueError("it must hold `{question}` once, and may hold `{context}` and `{choices}`")
        return template


def problems(rows: Iterable[Placed], options: RowOptions, what: str) -> Iterator[Problem]:
    """The problems of ``what``, a file or a data set.

    Raises:
        InvalidData: a row is wrong, or there are fewer or more than ``rows`` says.
    """
    inner: Iterable[tuple[str, Row]] = (one for row in rows for one in _inner(row, options.each))
    if options.rows:
        held = list(inner)
        if len(held) != options.rows:
            message = f"{what} holds {len(held)} problems, {options.rows} were expected"
            raise InvalidData(message, "see `rows`")
        inner = held
    found = (_problem(row, options, place) for place, row in inner)
    yield from islice(_clear(found) if options.ambiguous == "leave_out" else found, options.limit or None)


def _clear(found: Iterable[Problem]) -> Iterator[Problem]:
    """Without the questions that have several answers; which of them is right nobody can tell."""
    held = list(found)
    answers: dict[str, set[str]] = {}
    for problem in held:
        answers.setdefault(problem.id, set()).add(problem.answer)
    yield from (problem for problem in held if len(answers[problem.id]) == 1)


def _inner(placed: Placed, each: str) -> Iterator[tuple[str, Row]]:
    place, row = placed
    if not isinstance(row, Mapping):
        raise InvalidData("this row is not an object", "one object of named values a row", place)
    if not each:
        yield place, row
        return
    held = row.get(each)  # never by a path: what holds the answers of all must not stay in the outer row
    if not isinstance(held, list):
        raise InvalidData(
            f"`{each}` is {'missing' if held is None else 'no list'}", f"every row needs a list `{each}`", place
        )
    outer = {name: value for name, value in row.items() if name != each}
    for number, one in enumerate(held, 1):
        if not isinstance(one, Mapping):
            raise InvalidData(f"item {number} of `{each}` is not an object", "each of them is a problem", place)
        yield f"{place} ({each} {number})", {**outer, **one}


def _problem(row: Row, options: RowOptions, place: str) -> Problem:
    choices = _choices(row, options.choices, place) if options.choices else []
    texts = {
        "question": _needed(_plain(_at(row, options.question)), row, options.question, place),
        "context": "\n\n".join(_needed(_shown(_at(row, name)), row, name, place) for name in options.context),
        "choices": "\n".join(f"{letter}. {choice}" for letter, choice in zip(ascii_uppercase, choices, strict=False)),
    }
    asked = PLACEHOLDER.sub(lambda found: texts[found[1]], options.template).strip()
    answer = _answer(row, options, place, len(choices))
    thinking = _at(row, options.thinking) if options.thinking else None
    if thinking is None or thinking == "":
        return Problem(asked, answer)
    worked = _needed(_plain(thinking), row, options.thinking, place)
    return Problem(asked, answer, Solution(worked, f"{ANSWER_CUE}{answer}{ANSWER_END}"))


def _answer(row: Row, options: RowOptions, place: str, choices: int) -> str:
    """The reference answer as a model would write it: several answers are joined by "; ", a scale comes after them."""
    value = _at(row, options.answer)
    if choices and isinstance(value, int) and not isinstance(value, bool):
        if not 0 <= value < choices:
            raise InvalidData(f"`{options.answer}` is {value}, and there are {choices} choices", "from 0", place)
        return ascii_uppercase[value]
    written = _needed(_joined(value, "; ") if isinstance(value, list) else _plain(value), row, options.answer, place)
    scale = _at(row, options.scale) if options.scale else None
    return f"{written} {scale.strip()}" if isinstance(scale, str) and scale.strip() else written


def _choices(row: Row, path: str, place: str) -> list[str]:
    held = _at(row, path)
    shown = [text for one in held if (text := _plain(one))] if isinstance(held, list) else []
    if not isinstance(held, list) or not 2 <= len(shown) <= len(ascii_uppercase) or len(shown) != len(held):
        message = f"`{path}` is no list of 2 to {len(ascii_uppercase)} texts"
        raise InvalidData(message, "it holds the answers to choose from", place)
    return shown


def _needed(text: str | None, row: Row, path: str, place: str) -> str:
    if text is None or not text.strip():
        raise InvalidData(f"`{path}` {_lack(_at(row, path))}", f"every problem needs a `{path}`", place)
    if len(text) > MOST_CHARACTERS:
        message = f"`{path}` has {len(text):,} characters; {MOST_CHARACTERS:,} are the most"
        raise InvalidData(message, "is this the right column, and the right file?", place)
    return text.strip()


def _lack(value: object) -> str:
    if value is None:
        return "is missing"
    return "is empty" if value == [] or (isinstance(value, str) and not value.strip()) else "is no text"


def _shown(value: object) -> str | None:
    """What a question is about: a text, texts in lines, or rows of cells with bars between them."""
    if not isinstance(value, list):
        return _plain(value)
    if not any(isinstance(one, list) for one in value):
        return _joined(value, "\n")
    lines = [
        f"| {' | '.join(_plain(cell) or '' for cell in row)} |" if isinstance(row, list) else None for row in value
    ]
    return _joined(lines, "\n")


def _joined(parts: Sequence[object], between: str) -> str | None:
    """Texts as one; None where one of them is none."""
    texts = [part for part in parts if isinstance(part, str)]
    return between.join(texts) if len(texts) == len(parts) else None


def _plain(value: object) -> str | None:
    """A text or a number as text."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return None
    return str(value)


def _at(value: object, path: str) -> object:
    """What lies at a path; in a list, what lies there in each of its items. A whole name with dots goes before."""
    if isinstance(value, list):
        return [_at(one, path) for one in value]
    if not isinstance(value, Mapping):
        return None
    if path in value:
        return value[path]
    head, _, rest = path.partition(".")
    return _at(value[head], rest) if rest and head in value else None
