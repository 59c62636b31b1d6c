"""`random` and `length`: step scorers without knowledge, for controls. (The paper's random and longest are picks of whole
traces: `curation { pick = random }`.)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar, Literal

from pydantic import Field

from cordspec.plugin import Candidate, Component, Options, ScoreEffort, Scorer, hookimpl


class RandomOptions(Options):
    """Options of `scorer NAME : random { ... }`: it has none; its numbers come from the seed of the experiment."""


class RandomScorer(Scorer[RandomOptions]):
    """A number in [0, 1) drawn for each candidate from the run's seed and its content."""

    name: ClassVar[str] = "random"

    @classmethod
    def effort(cls, options: RandomOptions, reference_tokens: int) -> ScoreEffort:
        return ScoreEffort(0, 0, 0)

    async def score(self, candidates: Sequence[Candidate]) -> Sequence[float]:
        return [self.context.seed("random", one.problem.id, one.trajectory.key) / 2**63 for one in candidates]


class LengthOptions(Options):
    """Options of `scorer NAME : length { ... }`."""

    prefer: Literal["longest", "shortest"] = Field("longest", description="which step is better")


class Length(Scorer[LengthOptions]):
    """The tokens of what was proposed, or their negative; in the author's own tokens."""

    name: ClassVar[str] = "length"

    @classmethod
    def effort(cls, options: LengthOptions, reference_tokens: int) -> ScoreEffort:
        return ScoreEffort(0, 0, 0)

    async def score(self, candidates: Sequence[Candidate]) -> Sequence[float]:
        sign = 1.0 if self.options.prefer == "longest" else -1.0
        return [sign * candidate.step_tokens for candidate in candidates]


@hookimpl
def cordspec_components() -> Iterable[type[Component]]:
    yield RandomScorer
    yield Length
