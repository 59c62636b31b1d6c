"""Proposals of one prefix with the same text are one candidate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from cordspec.domain.search import Expansion
from cordspec.domain.trajectory import Proposal, Step, Trajectory
from cordspec.run.attendance import Absence
from cordspec.run.calls import Calls


@dataclass(frozen=True, slots=True)
class Answered:
    """An expansion with what came of it. ``proposal`` is None where the teacher was absent."""

    expansion: Expansion
    proposal: Proposal | None
    calls: Calls = field(default_factory=Calls, compare=False)
    absence: Absence | None = None


@dataclass(frozen=True, slots=True)
class Merged:
    """Proposals of one prefix with the same text after white-space normalisation: one candidate with all its authors."""

    expansions: tuple[Expansion, ...]
    proposals: tuple[Proposal, ...]
    trajectory: Trajectory

    @property
    def number(self) -> int:
        """What identifies the candidate in its search: the number of its first expansion."""
        return self.expansions[0].number

    @property
    def authors(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(proposal.teacher for proposal in self.proposals))

    @property
    def step_tokens(self) -> int:
        return sum(self.proposals[0].step_tokens)

    @property
    def new_text(self) -> str:
        """What it adds to its prefix."""
        return "".join(step.text for step in self.trajectory.steps[len(self.expansions[0].prefix.steps) :])


class Identity(NamedTuple):
    """What makes two proposals one candidate: prefix, text after white-space normalisation, and end."""

    prefix: str
    text: str
    closes: bool


def identity(one: Answered) -> Identity:
    """The identity of the candidate that a valid proposal makes."""
    assert one.proposal is not None
    return Identity(one.expansion.prefix.key, " ".join("".join(one.proposal.steps).split()), one.proposal.closes)


def merge(answered: Sequence[Answered]) -> list[Merged]:
    """One candidate for each distinct valid proposal of each prefix, in the order of the first expansion of each."""
    groups: dict[Identity, list[tuple[Expansion, Proposal]]] = {}
    for one in answered:
        if one.proposal is not None and one.proposal.valid:
            groups.setdefault(identity(one), []).append((one.expansion, one.proposal))
    merged = []
    for group in groups.values():
        first, proposal = group[0]
        authors = tuple(dict.fromkeys(other.teacher for _, other in group))
        steps = tuple(
            Step(text, authors, tokens) for text, tokens in zip(proposal.steps, proposal.step_tokens, strict=True)
        )
        trajectory = first.prefix.extend(steps, finished=proposal.closes, forced=proposal.forced)
        merged.append(Merged(tuple(e for e, _ in group), tuple(p for _, p in group), trajectory))
    return merged
