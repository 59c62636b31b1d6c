"""How much shorter a merged trace is than what it was made of."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from statistics import fmean

from cordspec.domain.events import Event, Expanded, Formed, Proposed, Scored

_WORD_OR_SIGN = re.compile(r"\w+|[^\w\s]")


def words_and_signs(text: str) -> int:
    """A length that is nobody's tokens: integrator and teachers count in different ones, or only estimate them."""
    return len(_WORD_OR_SIGN.findall(text))


@dataclass(frozen=True, slots=True)
class Compression:
    """The length of a merged trace and the mean length of its sources, both in ``count``'s units."""

    problem: str
    merged: int
    source: float

    @property
    def ratio(self) -> float:
        return self.merged / self.source


def compression(events: Iterable[Event], count: Callable[[str], int] = words_and_signs) -> Iterator[Compression]:
    """One value for each problem in whose search a merge gave a scored trace; ``events`` are those of a decode, in order.

    Sources are the finished candidates of earlier waves that have a score; one that several expansions wrote counts as
    often, as it was given to the integrator.
    """
    for problem, own in groupby(events, key=lambda event: event.problem):
        found = _of_problem(problem, list(own), count)
        if found is not None:
            yield found


def _of_problem(problem: str, events: list[Event], count: Callable[[str], int]) -> Compression | None:
    merges = {event.number for event in events if isinstance(event, Expanded) and event.extent == "merge"}
    scored = {event.candidate for event in events if isinstance(event, Scored) and event.value is not None}
    lengths = {
        event.number: count("".join(event.steps)) for event in events if isinstance(event, Proposed) and event.steps
    }
    formed = [event for event in events if isinstance(event, Formed) and event.candidate in scored and event.finished]
    merged = [event for event in formed if event.candidate in merges and event.candidate in lengths]
    if not merged:
        return None
    sources = [
        lengths[number]
        for event in formed
        if event.candidate not in merges
        for number in event.expansions
        if number in lengths
    ]
    return Compression(problem, lengths[merged[-1].candidate], fmean(sources)) if sources and any(sources) else None
