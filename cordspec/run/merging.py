"""Proposals of one prefix with the same text are one candidate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cordspec.domain.inference import Call
from cordspec.domain.search import Expansion
from cordspec.domain.trajectory import Proposal, Step, Trajectory


@dataclass(frozen=True, slots=True)
class Answered:
    """An expansion with what came of it. ``proposal`` is None where the teacher was absent, for ``reason``."""

    expansion: Expansion
    proposal: Proposal | None
    calls: tuple[Call, ...] = ()
    reason: str = ""


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


def merge(answered: Sequence[Answered]) -> list[Merged]:
    """One candidate for each distinct valid proposal of each prefix, in the order of the first expansion of each."""
    groups: dict[tuple[str, str, bool], list[tuple[Expansion, Proposal]]] = {}
    for one in answered:
        if one.proposal is not None and one.proposal.valid:
            text = " ".join("".join(one.proposal.steps).split())
            same = (one.expansion.prefix.key, text, one.proposal.closes)
            groups.setdefault(same, []).append((one.expansion, one.proposal))
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
