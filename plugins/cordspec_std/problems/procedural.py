"""`reasoning_gym`: problems that a task of reasoning-gym makes from a seed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import ClassVar

from pydantic import Field

from cordspec.plugin import Component, InvalidData, Options, Problem, ProblemSource, Unavailable, hookimpl


class ReasoningGymOptions(Options):
    """Options of `problems NAME : reasoning_gym { ... }`."""

    task: str = Field(pattern=r"^\w+$", description="the task, as reasoning-gym names it")
    seed: int = Field(0, ge=0, lt=2**31, description="which problems")
    size: int = Field(100, ge=1, le=100_000, description="number of problems")
    settings: dict[str, int | float | str | bool] = Field(
        {},
        description="settings of the task, such as `{ min_terms = 2, max_terms = 4 }`; its own defaults without them",
    )


class ReasoningGym(ProblemSource[ReasoningGymOptions]):
    """The task's own answer is the reference answer. Some tasks accept others too: the grader of this name knows them."""

    name: ClassVar[str] = "reasoning_gym"

    def load(self) -> Iterator[Problem]:
        try:
            import reasoning_gym
            from reasoning_gym.factory import DATASETS
        except ImportError as error:
            raise Unavailable(f"procedural tasks need {error.name}", 'pip install "cordspec[gym]"') from error
        task = self.options.task
        if task not in DATASETS:
            from difflib import get_close_matches

            close = get_close_matches(task, DATASETS, 1)
            help = f"did you mean `{close[0]}`?" if close else f"one of {', '.join(sorted(DATASETS))}"
            raise InvalidData(f"reasoning-gym has no task `{task}`", help)
        try:
            made = reasoning_gym.create_dataset(
                task, seed=self.options.seed, size=self.options.size, **self.options.settings
            )
        except (AssertionError, TypeError, ValueError) as error:
            raise InvalidData(
                f"the task `{task}` does not take these settings: {error}", "see its configuration"
            ) from error
        for number in range(self.options.size):
            entry = made[number]
            question, answer = str(entry["question"]).strip(), entry["answer"]
            if not isinstance(answer, str) or not answer.strip():
                message = f"problem {number + 1} of the task `{task}` has no answer of its own"
                raise InvalidData(message, "such a task is graded by its own rules only; take another one")
            yield Problem(question, answer.strip(), marking=self._marking(number))

    def _marking(self, number: int) -> str:
        """What the grader `reasoning_gym` needs to make a problem again."""
        options = self.options
        recipe = {"task": options.task, "seed": options.seed, "size": options.size, "settings": options.settings}
        return json.dumps({**recipe, "number": number}, sort_keys=True)


@hookimpl
def cordspec_components() -> Iterable[type[Component]]:
    yield ReasoningGym
