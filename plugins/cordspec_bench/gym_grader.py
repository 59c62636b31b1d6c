"""`reasoning_gym`: a task's own scorer, in a process of its own."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, ClassVar

from pydantic import Field

from cordspec.plugin import (
    Component,
    InvalidData,
    Options,
    Problem,
    Seconds,
    Unavailable,
    Verdict,
    VerdictGrader,
    hookimpl,
)
from cordspec_bench.final_answer import whole_answer
from cordspec_bench.worker_process import Failed, WorkerProcess


class GymGraderOptions(Options):
    """Options of the grader."""

    time_limit: Seconds = Field(5.0, gt=0, description="an answer that takes longer to score is not graded")


class GymGrader(VerdictGrader[GymGraderOptions]):
    """Right is what the scorer gives 1; less is wrong, and kept as the score. A scorer that cannot read an answer gives 0.

    An answer ends with or without a full stop; the better of both counts.
    """

    name: ClassVar[str] = "reasoning_gym"
    sources: ClassVar[tuple[str, ...]] = ("reasoning_gym", "filtered")

    def __init__(self, options: GymGraderOptions) -> None:
        super().__init__(options)
        self._recipe = ""
        self._process: WorkerProcess | None = None

    def verdict(self, written: str, reference: str) -> Verdict:
        return Verdict.failed("a task's scorer needs the problem, and not its answer only")

    def mark(self, problem: Problem, written: str) -> Verdict:
        answer = whole_answer(written)
        if not answer:
            return Verdict.no_answer("nothing is written")
        if not problem.marking:
            return Verdict.failed("the problem does not say which one of reasoning-gym it is", answer)
        recipe: dict[str, Any] = json.loads(problem.marking)
        request = {
            "number": recipe.pop("number"),
            "question": problem.question,
            "answers": list(dict.fromkeys((answer, answer.removesuffix(".").rstrip()))),
        }
        try:
            reply = self._worker(recipe).ask(request, self.options.time_limit)
        except Failed as failed:
            return Verdict.failed(str(failed), answer)
        if "unusable" in reply:
            message = f"the scorer of the task `{recipe['task']}` takes no answer without running text as a program"
            raise InvalidData(message, "grade with another grader, such as `exact`")
        return Verdict.of(reply["score"] >= 1.0, score=reply["score"], answer=answer)

    def _worker(self, recipe: dict[str, Any]) -> WorkerProcess:
        """The worker of a problem set; of one at a time."""
        text = json.dumps(recipe, sort_keys=True)
        if self._process is None or text != self._recipe:
            self.close()
            lacking = Unavailable("the grader needs reasoning-gym", 'pip install "cordspec[gym]"')
            self._process, self._recipe = WorkerProcess(("cordspec_bench.gym_worker", text), lacking), text
        return self._process

    def close(self) -> None:
        if self._process is not None:
            self._process.close()


@hookimpl
def cordspec_components() -> Iterable[type[Component]]:
    yield GymGrader
