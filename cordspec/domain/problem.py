"""Problems, and the same problems without their answers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Solution:
    """A worked solution: the text inside ``<think>`` and the final answer sentence after it.

    Where a problem source knows them, ``steps`` are the pieces that make up ``thinking`` and ``labels`` say of each how
    right it is: 1 right, 0 wrong.
    """

    thinking: str
    answer: str
    steps: tuple[str, ...] = ()
    labels: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class ProblemView:
    """What a teacher or a student may see of a problem. It has no place for the reference answer."""

    id: str
    question: str


@dataclass(frozen=True, slots=True)
class Problem:
    """A question with its reference answer.

    ``step_tags`` names the skill of each reference step where the problem source knows it (the miniature does). ``marking``
    is what a grader of the source's own needs to find the problem again, in the source's form; nobody else gets it.
    """

    question: str
    answer: str
    solution: Solution | None = None
    step_tags: tuple[str, ...] = ()
    marking: str = ""

    @property
    def id(self) -> str:
        """Content hash of the question, 16 hexadecimal digits: the same question is the same problem everywhere."""
        from hashlib import sha256  # takes long to import, and checking a spec has no need of it

        return sha256(self.question.encode()).hexdigest()[:16]

    @property
    def view(self) -> ProblemView:
        return ProblemView(self.id, self.question)
