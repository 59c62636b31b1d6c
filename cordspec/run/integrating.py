"""Integration: an integrator model is shown complete traces and merges them into one (paper, section 4.1)."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from cordspec.domain.inference import GenerateRequest, Sampling
from cordspec.domain.problem import ProblemView
from cordspec.domain.prompt import ANSWER_CUE, ANSWER_END
from cordspec.domain.search import Expansion
from cordspec.domain.trajectory import Proposal, Trajectory
from cordspec.extension.component import EngineAccess
from cordspec.extension.kinds.segmenter import Segmenter
from cordspec.model.blocks import Budget
from cordspec.run.integrated import ANSWER_KEY, CATEGORIES, STEP_KEY, Integrated, read_integrated
from cordspec.run.seeds import derive
from cordspec.run.teachers import CUT_OFF, DEADLINE, UNREADABLE

ROOM: Final = 2
"""An integrator may write so many times the decode's whole budget: the names and escapes of its JSON count, and so does
what a model thinks before it answers."""
_SENTENCE = re.compile(r"\\boxed|\bfinal answer\b", re.IGNORECASE)

_EXAMPLE = {
    f"{STEP_KEY}1": {"content": "### Step 1. ...", "category": CATEGORIES[0]},
    f"{STEP_KEY}2": {"content": "### Step 2. ...", "category": CATEGORIES[1]},
    ANSWER_KEY: ["\\boxed{...}"],
}
_TASK = """\
Below are a problem and {count} worked solutions of it, each as a list of numbered reasoning steps. Solutions may be wrong.
Merge them into one solution that is complete and right: keep what leads on, take over checks and other ways to the same
result where they help, and put errors right.

Answer with one JSON object and nothing else, in this form, with as many steps as are needed:
{example}
Every content begins with its header `### Step N.`. The category of a step is one of: {categories}.
Write every backslash inside a text twice, as JSON wants it.

Problem:
{question}

{solutions}"""


def integration_message(question: str, sources: Sequence[Trajectory]) -> str:
    """What an integrator is asked: the question, and of every source its steps as ``<reasoning_step_i>`` blocks."""
    solutions = "\n\n".join(_solution(number, source) for number, source in enumerate(sources, 1))
    return _TASK.format(
        count=len(sources),
        example=json.dumps(_EXAMPLE, indent=2),
        categories=", ".join(CATEGORIES),
        question=question,
        solutions=solutions,
    )


def _solution(number: int, source: Trajectory) -> str:
    blocks = (
        f"<reasoning_step_{at}>\n{step.text.strip()}\n</reasoning_step_{at}>" for at, step in enumerate(source.steps, 1)
    )
    return "\n".join([f"<solution_{number}>", *blocks, f"</solution_{number}>"])


@dataclass(frozen=True, slots=True)
class Integrator:
    """A model that merges traces. Like a teacher it is given problems without their answers, and nothing else.

    ``label`` is what authorship of a merged trace refers to.
    """

    label: str
    engine: EngineAccess
    segmenter: Segmenter
    budget: Budget
    seed: int
    sampling: Sampling = field(default_factory=Sampling)

    async def merge(self, problem: ProblemView, expansion: Expansion) -> Proposal:
        """One merged trace of the sources of an expansion, or an invalid proposal that says why there is none."""
        request = GenerateRequest(
            prompt=self.engine.opening(integration_message(problem.question, expansion.sources)),
            sampling=self.sampling,
            stop=(),
            max_tokens=ROOM * (self.budget.thinking + self.budget.answer),
            seed=derive(self.seed, "merge", problem.id, *(source.key for source in expansion.sources), expansion.index),
        )
        written = await self.engine.generate(request)
        if written.finish == "deadline" or not written.readable:
            why = DEADLINE if written.finish == "deadline" else UNREADABLE
            return Proposal(self.label, (), (), False, False, written.tokens, (why,))
        read = read_integrated(written.text)
        cut = (CUT_OFF,) if written.finish == "length" else ()
        return self._proposal(read, (*read.violations, *cut), written.tokens)

    def _proposal(self, read: Integrated, violations: tuple[str, ...], generated: int) -> Proposal:
        steps, mended = self._steps(read.contents)
        lengths = tuple(self.engine.count_tokens(step) for step in steps)
        if sum(lengths) > self.budget.thinking or len(steps) > self.budget.steps:
            mended.append("over the budget")
        named = tuple(dict.fromkeys((*violations, *mended)))
        if not steps:
            refused = named or ("empty step",)
            return Proposal(self.label, (), (), closes=False, forced=False, generated=generated, violations=refused)
        return Proposal(
            self.label, steps, lengths, closes=True, forced=False, generated=generated, violations=named,
            answer=answer_text(read.answer),
        )  # fmt: skip

    def _steps(self, contents: Sequence[str]) -> tuple[tuple[str, ...], list[str]]:
        """The contents as steps of the decode's form, renumbered, each with its leading line break."""
        steps: list[str] = []
        violations: list[str] = []
        for content in contents:
            pieces = self.segmenter.cut(f"\n{content}", len(steps) + 1)
            violations += [violation for piece in pieces for violation in piece.violations]
            steps += [piece.text for piece in pieces if piece.text]
        return tuple(steps), violations


def answer_text(answer: str) -> str:
    """The final answer as it follows ``</think>``: a boxed answer or a sentence as it is, a bare value in the usual one."""
    if _SENTENCE.search(answer):
        return f"\n\n{answer}"
    return f"{ANSWER_CUE}{answer.rstrip(ANSWER_END)}{ANSWER_END}"
