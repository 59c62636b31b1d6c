"""What a replay found, problem by problem."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from cordspec.artifacts.records import TraceRecord

Reach = Literal["complete", "unanswered", "stopped"]
"""How far the stored candidates suffice: to the final answer; to a trace whose final answer was never written; or up to a
wave that needs a proposal which nobody made.
"""


@dataclass(frozen=True, slots=True)
class ReplayedProblem:
    """One problem decided again. ``waves`` were decided from stored candidates alone; ``trace`` is there when complete."""

    before: TraceRecord
    reach: Reach
    waves: int
    trace: TraceRecord | None

    @property
    def same(self) -> bool:
        """Whether it ended in the trace of the run: the same steps, the same answer."""
        after = self.trace
        return after is not None and (after.steps, after.answer) == (self.before.steps, self.before.answer)


@dataclass(frozen=True, slots=True)
class Replay:
    """A decode decided again with other settings. ``scored`` counts scores that the journal did not have, ``generated``
    tokens that judges wrote for them; teachers wrote none.
    """

    decode: str
    settings: tuple[str, ...]
    problems: tuple[ReplayedProblem, ...]
    scored: int
    generated: int
