"""Bar 6: planted copies are found, with changed numbers too, and different problems are left alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, partial

import pytest

from cordspec.domain.overlap import MEASURES, Measure, Questions, masked, words_of
from cordspec.domain.problem import Problem
from cordspec.model import Experiment
from cordspec.plan import build
from cordspec.run.contamination import compare
from tests.unit.natural_problems import corpus, with_other_numbers

MOST_FALSE = 0.01


@cache
def halves() -> tuple[list[str], list[str]]:
    """Evaluation questions, and training questions that are all different from them."""
    problems = corpus()
    return problems[::2], problems[1::2]


def recall(change: Callable[[str, int], str], measures: Sequence[Measure] = MEASURES) -> float:
    asked, _ = halves()
    questions = Questions(asked, measures)
    found = [
        any(one.question == place for one in questions.found_in(change(question, place)))
        for place, question in enumerate(asked)
    ]
    return sum(found) / len(found)


def false_alarms(measures: Sequence[Measure] = MEASURES) -> float:
    asked, others = halves()
    questions = Questions(asked, measures)
    return sum(bool(questions.found_in(text)) for text in others) / len(others)


def in_a_trace(question: str, place: int) -> str:
    filler = "So we keep going, and check once more what was asked. " * 40
    return f"{filler}The problem reads: {question} {filler}"


def test_the_corpus_is_large_and_all_different() -> None:
    asked, others = halves()
    assert len(asked) + len(others) >= 300
    assert len({*asked, *others}) == len(asked) + len(others)


@pytest.mark.parametrize(
    "change",
    [
        lambda question, place: question,
        lambda question, place: question.upper().replace(" ", "  ").replace(".", " !"),
        in_a_trace,
        with_other_numbers,
        lambda question, place: in_a_trace(with_other_numbers(question, place), place),
    ],
    ids=["verbatim", "other signs and letters", "in a trace", "other numbers", "other numbers in a trace"],
)
def test_every_planted_copy_is_found(change: Callable[[str, int], str]) -> None:
    assert recall(change) == 1.0


def test_different_problems_are_left_alone() -> None:
    assert false_alarms() <= MOST_FALSE


def test_seeded_bug_without_masks_changed_copies_are_missed() -> None:
    bare = [measure for measure in MEASURES if not measure.masked]
    assert recall(lambda question, place: question, bare) == 1.0
    assert recall(with_other_numbers, bare) < 0.9


@pytest.mark.parametrize("words", [1, 2])
def test_seeded_bug_with_runs_that_are_too_short_different_problems_are_found(words: int) -> None:
    short = [Measure(one.name, words, one.share, one.masked) for one in MEASURES]
    assert false_alarms(short) > MOST_FALSE


def test_seeded_bug_where_one_shared_run_is_enough_phrases_that_all_use_are_found() -> None:
    assert false_alarms([Measure(one.name, one.words, 0.0, one.masked) for one in MEASURES]) > MOST_FALSE


def test_short_questions_are_told_and_found_only_whole() -> None:
    questions = Questions(["What is 2 + 2?", "Find the area of a circle whose radius is exactly seven metres long."])
    assert questions.short == (0,)
    assert questions.found_in("what is 2 + 2")[0].found == ("whole",)
    assert questions.found_in("First, what is 2 + 2? It is 4.") == []


def test_words_are_the_same_whatever_the_signs_and_numbers_are_one_word() -> None:
    assert words_of("Tom’s 1,200.50 coins — $x_1$!") == ["tom", "s", "1,200.50", "coins", "x", "1"]
    assert masked(words_of("Twelve of 30 eggs, fourteen left")) == ["0", "of", "0", "eggs", "0", "left"]
    assert words_of("問題は１２") == ["問", "題", "は", "12"]


def test_hits_have_their_row_their_part_and_their_overlap() -> None:
    asked, others = halves()
    rows = [
        (others[0], "nothing of the kind"),
        (asked[3], ""),
        (others[1], in_a_trace(with_other_numbers(asked[5], 1), 0)),
    ]
    found = compare("train", rows, {"held": [Problem(question, "1") for question in asked]})
    (compared,) = found.sets
    assert [(hit.row, hit.part, hit.question) for hit in compared.hits] == [(2, "prompt", 4), (3, "trace", 6)]
    assert compared.hits[0].shares["8-gram"] == 1.0 and compared.hits[1].shares["number-masked 8-gram"] == 1.0
    assert (compared.rows(), compared.rows("prompt"), found.rows, found.hit_rows) == (2, 1, 3, {2, 3})
    assert compared.by_measure()["number-masked 8-gram"] == 2


SPEC = """cord 1
experiment e {{}}
problems train : inventory {{ count = 5, seed = 1 }}
problems held  : inventory {{ count = 5, seed = 2 }}
problems other : inventory {{ count = 5, seed = 3 }}
model base : mini {{ name = base }}
student s : sft {{ init = base, data = train, contaminated = {action} }}
eval after : math_answers {{ model = s, problems = held }}
eval before like after {{ model = base, problems = other }}
"""


def training_of(experiment: Callable[..., Experiment], action: str, held: str, other: str = "o") -> str:
    known = {"train": "t", "held": held, "other": other, "base": "b"}
    return build(experiment(SPEC.format(action=action)), lambda block: known[block.name]).of_block("s").fingerprint


def test_what_is_left_out_depends_on_the_sets_that_students_are_measured_on(
    experiment: Callable[..., Experiment],
) -> None:
    assert experiment(SPEC.format(action="drop")).measured_sets() == ("held",)
    fingerprint = partial(training_of, experiment)
    assert fingerprint("drop", "h") != fingerprint("drop", "another")
    assert fingerprint("drop", "h") == fingerprint("drop", "h", "another"), "no student is measured on it"
    assert fingerprint("report", "h") == fingerprint("report", "another") == fingerprint("off", "h")
    assert fingerprint("report", "h") != fingerprint("drop", "h")
