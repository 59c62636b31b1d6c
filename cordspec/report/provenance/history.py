"""The search of one problem, put together again from its events."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import Literal

from cordspec.domain.events import (
    Absent,
    BackedUp,
    Committed,
    Dropped,
    Event,
    Expanded,
    Finished,
    Formed,
    Proposed,
    Scored,
    Tied,
)
from cordspec.domain.trajectory import EMPTY, Step, Trajectory

Fate = Literal["chosen", "kept", "dropped", "failed"]
"""Of a candidate: steps of it stand in the final trace; some wave kept it; given up; without a score."""

Place = tuple[int | None, int]
"""A prefix: a candidate, and how many of its new steps; (None, 0) is the empty one."""


@dataclass(slots=True)
class Attempt:
    """A request for a proposal with what came of it: ``proposed``, or None where the teacher was ``absent``."""

    expanded: Expanded
    proposed: Proposed | None = None
    absent: Absent | None = None

    @property
    def drawn(self) -> int:
        """Tokens drawn for the steps that were cut from the text; what a segmenter wrote for the teacher is none of them."""
        return min(sum(self.proposed.lengths), self.proposed.generated) if self.proposed else 0


@dataclass(slots=True)
class Node:
    """A candidate. ``above`` is the prefix that it goes on from. ``standing`` counts its new steps that are in the final
    trace, ``ends`` says that the trace ends with it.
    """

    formed: Formed
    attempts: tuple[Attempt, ...]
    above: Place
    scored: Scored | None = None
    committed: bool = False
    standing: int = 0
    ends: bool = False

    @property
    def first(self) -> Proposed:
        """The proposal whose text it is; the others are copies."""
        assert self.attempts[0].proposed is not None
        return self.attempts[0].proposed

    @property
    def fate(self) -> Fate:
        if self.standing or self.ends:
            return "chosen"
        if self.scored is None or self.scored.value is None:
            return "failed"
        return "kept" if self.committed else "dropped"


@dataclass(frozen=True, slots=True)
class Standing:
    """A step of the final trace. ``length`` is in the first author's tokens."""

    authors: tuple[str, ...]
    length: int


@dataclass(slots=True)
class Wave:
    """What one wave decided, by the numbers of candidates in rank order; ``backups`` are values carried up a tree."""

    number: int
    kept: tuple[int, ...] = ()
    dropped: list[int] = field(default_factory=list)
    backups: list[BackedUp] = field(default_factory=list)


@dataclass(slots=True)
class History:
    """All that happened to one problem, in the order of its events."""

    problem: str
    attempts: dict[int, Attempt] = field(default_factory=dict)
    nodes: dict[int, Node] = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=lambda: {EMPTY.key: (None, 0)})
    """Prefixes by their keys, as far as the events were told."""
    waves: dict[int, Wave] = field(default_factory=dict)
    ties: list[Tied] = field(default_factory=list)
    trace: tuple[Standing, ...] = ()
    finished: Finished | None = None


def histories(events: Iterable[Event]) -> Iterator[History]:
    """One history a problem, in the order of the file.

    Raises:
        ValueError: the events contradict each other.
    """
    for problem, own in groupby(events, key=lambda event: event.problem):
        made = _Replay(History(problem))
        try:
            for event in own:
                made.take(event)
        except KeyError as error:
            raise ValueError(f"events of problem {problem} name {error}, of which they did not tell") from error
        yield made.history


class _Replay:
    """Takes the events of one problem."""

    def __init__(self, history: History) -> None:
        self.history = history
        self._texts: dict[str, Trajectory] = {EMPTY.key: EMPTY}
        self._reached: dict[int, list[tuple[int, Trajectory]]] = {}
        """By candidate: after how many of its new steps which prefix is reached."""

    def take(self, event: Event) -> None:
        history = self.history
        wave = history.waves.setdefault(event.wave, Wave(event.wave))
        match event:
            case Expanded():
                history.attempts[event.number] = Attempt(event)
            case Proposed():
                history.attempts[event.number].proposed = event
            case Absent():
                history.attempts[event.number].absent = event
            case Formed():
                self._form(event)
            case Scored():
                self._score(event)
            case Tied():
                history.ties.append(event)
            case BackedUp():
                wave.backups.append(event)
            case Committed():
                wave.kept = event.candidates
                for number in event.candidates:
                    history.nodes[number].committed = True
            case Dropped():
                wave.dropped.append(event.candidate)
            case Finished():
                history.finished = event
                self._choose(event)

    def _form(self, formed: Formed) -> None:
        attempts = tuple(self.history.attempts[number] for number in formed.expansions)
        node = Node(formed, attempts, self.history.places[formed.parent])
        self.history.nodes[formed.candidate] = node
        prefix = self._texts[formed.parent]
        reached = []
        pieces = list(zip(node.first.steps, node.first.lengths, strict=True))
        for at, (text, length) in enumerate(pieces, 1):
            ends = formed.finished and at == len(pieces)
            prefix = prefix.extend((Step(text, formed.authors, length),), finished=ends)
            reached.append((at, prefix))
        if not pieces:
            prefix = prefix.extend((), finished=formed.finished)
            reached.append((0, prefix))
        if prefix.key != formed.key:
            message = f"candidate {formed.candidate} of problem {formed.problem} is not what was proposed for it"
            raise ValueError(message)
        self._reached[formed.candidate] = reached

    def _score(self, scored: Scored) -> None:
        """A prefix is the work of the first candidate with a score that reaches it in the fewest new steps: in a tree, the
        first rollout from the node above it and not an earlier one that happened to go on alike.
        """
        places = self.history.places
        self.history.nodes[scored.candidate].scored = scored
        for steps, prefix in self._reached.pop(scored.candidate) if scored.value is not None else ():
            key = prefix.key
            if key not in places or steps < places[key][1]:
                places[key] = (scored.candidate, steps)
                self._texts[key] = prefix

    def _choose(self, finished: Finished) -> None:
        nodes = self.history.nodes
        nodes[finished.candidate].ends = True
        trace: list[Standing] = []
        place: Place = (finished.candidate, len(nodes[finished.candidate].first.steps))
        while place[0] is not None:
            node = nodes[place[0]]
            node.standing = place[1]
            trace[:0] = [Standing(node.formed.authors, length) for length in node.first.lengths[: place[1]]]
            place = node.above
        self.history.trace = tuple(trace)
