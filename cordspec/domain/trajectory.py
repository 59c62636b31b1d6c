"""Steps, proposals and trajectories: the shared partial solutions that the teachers extend."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hashlib import _Hash


@dataclass(frozen=True, slots=True)
class Step:
    """One step of reasoning as it stands in the trace, header included; it begins with its line break.

    ``authors`` are the labels of the teachers that proposed it, in pool order; the first one counts as its writer.
    ``tokens`` is its length in the first author's tokens.
    """

    text: str
    authors: tuple[str, ...]
    tokens: int


@dataclass(frozen=True, slots=True)
class Trajectory:
    """A sequence of steps; ``finished`` once ``</think>`` follows, ``forced`` if the budget wrote it."""

    steps: tuple[Step, ...] = ()
    finished: bool = False
    forced: bool = False
    _content: _Hash | None = field(default=None, init=False, repr=False, compare=False)
    """The hash of all steps so far: a longer trajectory goes on from it instead of reading its prefix again."""
    _key: str = field(default="", init=False, repr=False, compare=False)

    @property
    def thinking(self) -> str:
        return "".join(step.text for step in self.steps)

    @property
    def tokens(self) -> int:
        """Thinking tokens, each step in its writer's own tokens."""
        return sum(step.tokens for step in self.steps)

    @property
    def key(self) -> str:
        """Content hash: equal texts with equal ends are the same prefix, whoever wrote them.

        The first 16 hexadecimal digits of the SHA-256 of the thinking, with a mark at its end once it is finished.
        """
        if not self._key:
            content = self._hashed.copy()
            if self.finished:
                content.update(b"\x00finished")
            object.__setattr__(self, "_key", content.hexdigest()[:16])
        return self._key

    @property
    def _hashed(self) -> _Hash:
        if self._content is None:
            from hashlib import sha256  # takes long to import, and checking a spec has no need of it

            object.__setattr__(self, "_content", sha256(self.thinking.encode()))
        assert self._content is not None
        return self._content

    def extend(self, steps: tuple[Step, ...], *, finished: bool, forced: bool = False) -> Trajectory:
        """The same with more steps at its end."""
        longer = Trajectory((*self.steps, *steps), finished, forced)
        content = self._hashed.copy()
        for step in steps:
            content.update(step.text.encode())
        object.__setattr__(longer, "_content", content)
        return longer

    def close(self) -> Trajectory:
        """The same trajectory with ``</think>`` forced at its end (budget exhausted)."""
        return replace(self, finished=True, forced=not self.finished or self.forced)


EMPTY = Trajectory()
"""Nothing written yet."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """What one teacher wrote for one prefix: usually one step, a whole trace in curation.

    ``closes`` says that the teacher wrote ``</think>`` after it. ``generated`` counts all tokens that were drawn for it,
    ``violations`` names what the segmenter had to mend. An integrator gives the final ``answer`` with its trace.
    """

    teacher: str
    steps: tuple[str, ...]
    step_tokens: tuple[int, ...]
    closes: bool
    forced: bool
    generated: int
    violations: tuple[str, ...] = ()
    answer: str | None = None

    @property
    def valid(self) -> bool:
        """Whether it says anything: a new step, or the end of thinking."""
        return bool(self.steps) or self.closes
