"""The teachers of a decode: what they are asked, and what is made of their answers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

from cordspec.domain.inference import GenerateRequest, Generation, Sampling
from cordspec.domain.problem import ProblemView
from cordspec.domain.prompt import THINK_CLOSE, answer_prompt, thinking_prompt
from cordspec.domain.search import Expansion
from cordspec.domain.trajectory import Proposal, Trajectory
from cordspec.extension.component import EngineAccess
from cordspec.extension.kinds.segmenter import Segmenter
from cordspec.model.blocks import Budget
from cordspec.run.attendance import Attendance
from cordspec.run.seeds import derive

DEADLINE, UNREADABLE, CUT_OFF = "deadline", "unreadable characters", "cut off"
"""What a proposal's `violations` say of an answer that came to nothing, or that the limit on tokens ended."""


class Asked(EngineAccess, Protocol):
    """A model that is asked by a pool."""

    @property
    def load(self) -> int:
        """Requests of the model that are under way, whoever asked."""
        ...


@dataclass(frozen=True, slots=True)
class Teacher:
    """A model of the pool with its sampling. The label is unique in the pool and is what authorship refers to."""

    label: str
    engine: Asked
    sampling: Sampling


@dataclass(frozen=True, slots=True)
class Pool:
    """Asks teachers for steps, traces and final answers, under one segmenter and one budget.

    It is given problems without their answers, and nothing else: what a teacher is asked cannot hold the answer.
    """

    teachers: tuple[Teacher, ...]
    segmenter: Segmenter
    budget: Budget
    seed: int
    attendance: Attendance
    weights: tuple[int, ...] = ()
    """Of each teacher; empty for one each."""

    async def propose(self, problem: ProblemView, expansion: Expansion) -> Proposal:
        """One teacher's continuation of a prefix, by one step or to the end.

        Raises:
            Absence: the teacher is left out of this wave.
        """
        teacher = self.teachers[expansion.teacher]
        number = len(expansion.prefix.steps) + 1
        prefill = self.segmenter.prefill(number)
        room = self.budget.thinking - expansion.prefix.tokens
        one_step = expansion.extent == "step"
        stops = self.segmenter.stops(number) if one_step else ()
        purpose: list[str | int] = [
            "propose",
            problem.id,
            expansion.prefix.key,
            teacher.label,
            expansion.index,
            expansion.extent,
        ]

        async def ask() -> Generation:
            request = GenerateRequest(
                prompt=thinking_prompt(teacher.engine.opening(problem.question), expansion.prefix.thinking + prefill),
                sampling=teacher.sampling,
                stop=(*stops, THINK_CLOSE),
                max_tokens=max(1, min(room, self.segmenter.max_step) if one_step else room),
                seed=derive(self.seed, *purpose),
                min_tokens=self.segmenter.min_tokens if stops else 0,
            )
            return await teacher.engine.generate(request)

        answer = await self.attendance.ask([self.seed, *purpose], ask)
        return self._proposal(teacher, expansion, prefill, answer)

    def _proposal(self, teacher: Teacher, expansion: Expansion, prefill: str, answer: Generation) -> Proposal:
        """The steps in what a teacher wrote: the first one only, unless a whole trace was asked for."""
        before = expansion.prefix
        if answer.finish == "deadline" or not answer.readable:
            why = DEADLINE if answer.finish == "deadline" else UNREADABLE
            return Proposal(teacher.label, (), (), False, False, answer.tokens, (why,))
        pieces = self.segmenter.cut(prefill + answer.text, len(before.steps) + 1)
        said = [piece for piece in pieces if piece.text]
        closes = answer.stop == THINK_CLOSE
        violations = [violation for piece in pieces for violation in piece.violations]
        if expansion.extent == "step" and len(said) > 1:
            violations.append("several steps")
            said, closes = said[:1], False
        if answer.finish == "length":
            violations.append(CUT_OFF)
        elif answer.finish == "end":
            violations.append("ended inside its thinking")
        lengths = tuple(teacher.engine.count_tokens(piece.text) for piece in said)
        after = before.tokens + sum(lengths)
        spent = after >= self.budget.thinking or len(before.steps) + len(said) >= self.budget.steps
        forced = not closes and bool(said) and (spent or expansion.extent == "trace")
        return Proposal(
            teacher.label, tuple(piece.text for piece in said), lengths, closes or forced, forced, answer.tokens,
            tuple(violations),
        )  # fmt: skip

    async def answer(self, problem: ProblemView, trajectory: Trajectory, writer: int) -> Generation:
        """The final answer, written by the teacher that wrote the last step (paper, section 3.4); empty where what it wrote
        cannot be read.

        Raises:
            Absence: that teacher cannot be asked.
        """
        teacher = self.teachers[writer]
        purpose: list[str | int] = ["answer", problem.id, trajectory.key, teacher.label]

        async def ask() -> Generation:
            request = GenerateRequest(
                prompt=answer_prompt(teacher.engine.opening(problem.question), trajectory.thinking),
                sampling=teacher.sampling,
                stop=(),
                max_tokens=self.budget.answer,
                seed=derive(self.seed, *purpose),
            )
            return await teacher.engine.generate(request)

        answer = await self.attendance.ask([self.seed, *purpose], ask)
        return answer if answer.readable else replace(answer, text="")
