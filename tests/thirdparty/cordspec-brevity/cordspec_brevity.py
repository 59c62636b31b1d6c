"""`brevity`: a scorer that prefers steps near a target length."""

from collections.abc import Sequence
from math import exp

from pydantic import Field

from cordspec.plugin import Candidate, Options, Scorer, Tokens, hookimpl


class BrevityOptions(Options):
    """Options of `scorer NAME : brevity { ... }`."""

    target: Tokens = Field(200, gt=0, description="the step length that scores 1.0")


class Brevity(Scorer[BrevityOptions]):
    name = "brevity"

    async def score(self, candidates: Sequence[Candidate]) -> list[float]:
        target = self.options.target
        return [exp(-abs(candidate.step_tokens - target) / target) for candidate in candidates]


@hookimpl
def cordspec_components():
    yield Brevity
