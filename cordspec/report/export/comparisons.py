"""Rows that compare siblings: pairs for preference optimisation, and labels of steps for process reward models."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from cordspec.artifacts.choices import Choice, choices
from cordspec.artifacts.pairs import pairs_of
from cordspec.artifacts.records import CandidateRecord, TraceRecord
from cordspec.report.export.texts import Row, assistant, opened, partial_text, user


def preference_rows(trace: TraceRecord, candidates: Sequence[CandidateRecord], margin: float) -> Iterator[Row]:
    """A pair for each sibling that scored lower than a step of the trace, by at least ``margin``."""
    for pair in pairs_of(trace, candidates, margin):
        choice, loser = pair.choice, pair.loser
        yield {
            "prompt": [user(trace.question)],
            "chosen": [assistant(partial_text(choice.prefix, choice.chosen))],
            "rejected": [assistant(partial_text(choice.prefix, loser))],
            "step_start": len(opened(choice.prefix)),
            "score_chosen": choice.chosen.score,
            "score_rejected": loser.score,
            "margin": pair.margin,
            "authors_chosen": list(choice.chosen.authors),
            "authors_rejected": list(loser.authors),
            "depth": choice.depth,
            "wave": choice.chosen.wave,
            "correct": trace.correct,
            "problem": trace.problem,
        }


def label_rows(
    trace: TraceRecord, candidates: Sequence[CandidateRecord], lengths: Mapping[str, int], margin: float
) -> Iterator[Row]:
    """The steps of a right trace, all true; and for each lower sibling the steps before it, true, and itself, false.

    A wrong trace gives none: nothing says which of its steps is wrong.

    Args:
        trace: the chosen trace.
        candidates: all scored candidates of its problem.
        lengths: for each candidate, the number of steps in it and before it; several steps at once get no label.
        margin: the least difference of scores that makes a sibling false.
    """
    if not trace.correct:
        return
    steps = [(step.text, step.score, step.authors) for step in trace.steps]
    yield _labelled(trace, steps, [True] * len(steps))
    for choice in choices(trace, candidates):
        if choice.steps == 1:
            for loser in _single_steps(choice, lengths, margin):
                before = steps[: choice.depth]
                last = (loser.text, loser.score, loser.authors)
                yield _labelled(trace, [*before, last], [*(True for _ in before), False])


def _single_steps(choice: Choice, lengths: Mapping[str, int], margin: float) -> Iterator[CandidateRecord]:
    for loser, _ in choice.lower_by(margin):
        if loser.text and lengths.get(loser.candidate) == choice.depth + 1:
            yield loser


def _labelled(
    trace: TraceRecord, steps: Sequence[tuple[str, float | None, Sequence[str]]], labels: Sequence[bool]
) -> Row:
    return {
        "prompt": trace.question,
        "completions": [text.removeprefix("\n") for text, _, _ in steps],
        "labels": list(labels),
        "scores": [score for _, score, _ in steps],
        "authors": [list(authors) for _, _, authors in steps],
        "problem": trace.problem,
    }
