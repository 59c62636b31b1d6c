"""A trace as text for a trainer, with who wrote what. Offsets count Unicode code points, as Python does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cordspec.artifacts.pairs import closes
from cordspec.artifacts.records import CandidateRecord, TraceRecord
from cordspec.domain.prompt import THINK_CLOSE, THINK_OPEN, assistant_turn, prompt_text

Row = dict[str, object]
Turn = dict[str, str]


def user(text: str) -> Turn:
    return {"role": "user", "content": text}


def assistant(text: str) -> Turn:
    return {"role": "assistant", "content": text}


def messages_row(trace: TraceRecord) -> Row:
    """A trace as a dialogue."""
    turn = assistant_text(trace)
    return {"messages": [user(trace.question), assistant(turn)], **_beside(trace)}


def prompt_completion_row(trace: TraceRecord) -> Row:
    """The same in two columns: trainers put the loss on the second one only."""
    return {"prompt": [user(trace.question)], "completion": [assistant(assistant_text(trace))], **_beside(trace)}


def assistant_text(trace: TraceRecord) -> str:
    """What a student learns to write, byte for byte as the run's own trainers are given it."""
    return prompt_text(assistant_turn(trace.thinking, trace.answer))


def partial_text(prefix: str, candidate: CandidateRecord) -> str:
    """The assistant's text up to the end of a candidate, with the tag that closes the thinking where a teacher wrote it."""
    closed = "\n" + THINK_CLOSE if closes(candidate) else ""
    return opened(prefix) + candidate.text + closed


def opened(thinking: str) -> str:
    """The beginning of an assistant's text."""
    return THINK_OPEN + thinking


def spans(trace: TraceRecord) -> Iterator[Row]:
    """Where the steps stand in the assistant's text; they follow each other without a gap."""
    start = len(opened(""))
    for step in trace.steps:
        yield _span(start, start + len(step.text), step.authors)
        start += len(step.text)


def _span(start: int, end: int, authors: Sequence[str]) -> Row:
    return {"start": start, "end": end, "authors": list(authors)}


def _beside(trace: TraceRecord) -> Row:
    whole = len(assistant_text(trace))
    return {
        "spans": list(spans(trace)),
        "answer_span": _span(whole - len(trace.answer), whole, [trace.writer]),
        "score": trace.score,
        "correct": trace.correct,
        "reference": trace.reference,
        "problem": trace.problem,
    }
