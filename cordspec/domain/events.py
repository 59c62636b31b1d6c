"""What happened in the search of one problem, event by event: the provenance of a trace.

Events are a pure function of the answers in a run's journal, in one order whatever the order of arrival. A candidate is
identified by the number of its first expansion; ``key`` is the content hash of its trajectory. The ledger, hit rates and
trees of a run are computed from events alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from cordspec.domain.inference import Call
from cordspec.domain.search import Extent

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class Event:
    """Base of all events: which problem, and in which wave (from 1)."""

    type: ClassVar[str]
    problem: str
    wave: int


@dataclass(frozen=True, slots=True)
class Expanded(Event):
    """A request for a proposal. ``parent`` is the key of its prefix, ``depth`` the number of steps in it."""

    type: ClassVar[str] = "expanded"
    number: int
    parent: str
    depth: int
    teacher: str
    index: int
    extent: Extent


@dataclass(frozen=True, slots=True)
class Proposed(Event):
    """What came of an expansion. ``lengths`` are the steps in the author's tokens, ``generated`` all tokens drawn."""

    type: ClassVar[str] = "proposed"
    number: int
    teacher: str
    steps: tuple[str, ...]
    lengths: tuple[int, ...]
    closes: bool
    forced: bool
    generated: int
    violations: tuple[str, ...]
    calls: tuple[Call, ...]


@dataclass(frozen=True, slots=True)
class Absent(Event):
    """A teacher that could not be asked, and what the pool's policy made of it."""

    type: ClassVar[str] = "absent"
    number: int
    teacher: str
    reason: str


@dataclass(frozen=True, slots=True)
class Formed(Event):
    """A candidate: the proposals of one prefix with the same text, all authors credited. Several ``expansions`` are a
    merge of duplicates.
    """

    type: ClassVar[str] = "formed"
    candidate: int
    key: str
    parent: str
    expansions: tuple[int, ...]
    authors: tuple[str, ...]
    depth: int
    tokens: int
    finished: bool
    forced: bool
    holds_answer: bool
    """Whether what is new in it contains the reference answer as text."""


@dataclass(frozen=True, slots=True)
class Scored(Event):
    """The score of a candidate; None where the scorer failed. ``tokens`` are log-probabilities of the answer's tokens in
    nats, ``reference`` is the value under a fixed prover beside the guiding one.
    """

    type: ClassVar[str] = "scored"
    candidate: int
    value: float | None
    logprob: float | None
    tokens: tuple[float, ...]
    reference: float | None
    calls: tuple[Call, ...]


@dataclass(frozen=True, slots=True)
class BackedUp(Event):
    """A value carried up a tree: to every node of ``path``, keys from the root down."""

    type: ClassVar[str] = "backed_up"
    path: tuple[str, ...]
    value: float


@dataclass(frozen=True, slots=True)
class Tied(Event):
    """Two candidates of equal score, one of which stayed ahead by the named rule."""

    type: ClassVar[str] = "tied"
    ahead: int
    behind: int
    decided_by: str


@dataclass(frozen=True, slots=True)
class Committed(Event):
    """What a wave keeps: candidates in rank order and, where a search moves its root, the key of the new one."""

    type: ClassVar[str] = "committed"
    candidates: tuple[int, ...]
    root: str | None


@dataclass(frozen=True, slots=True)
class Dropped(Event):
    """A candidate that a wave gave up."""

    type: ClassVar[str] = "dropped"
    candidate: int


@dataclass(frozen=True, slots=True)
class Finished(Event):
    """The trajectory that the search settled on, by its key, and its final answer."""

    type: ClassVar[str] = "finished"
    candidate: int
    key: str
    writer: str
    forced: bool
    answer: str
    calls: tuple[Call, ...]


EVENTS: tuple[type[Event], ...] = (
    Expanded, Proposed, Absent, Formed, Scored, BackedUp, Tied, Committed, Dropped, Finished,
)  # fmt: skip
