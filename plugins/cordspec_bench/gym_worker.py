"""The process behind the `reasoning_gym` grader (`cordspec_bench.forked_worker`).

Its argument says which problems: task, seed, size and settings, in JSON. A problem is made again from its number, so that its
task's scorer gets the very entry, whatever is in it.
"""

from __future__ import annotations

import ast
import builtins
import json
import math
import sys
from typing import Any

from cordspec_bench.forked_worker import Answer, Request, work


class _RunsText(Exception):
    """A scorer tried to run text as a program."""


class _Guard:
    """Keeps a scorer from running text as a program, as those do that read an answer with `eval`.

    What such a scorer wants of plain literals it gets; all else that would compile a text is refused.
    """

    def __init__(self) -> None:
        self.stopped = False
        self._at_work = self._reading = False
        self._eval = builtins.eval
        sys.addaudithook(self._heard)  # nothing can take it off again

    def _heard(self, event: str, arguments: tuple[object, ...]) -> None:
        if event == "compile" and self._at_work and not self._reading and str(arguments[1]).startswith("<"):
            self._refuse()

    def _literal(self, text: str, *scope: object) -> Any:
        """In the place of `eval`; with a scope, as sympy's parser gives one, names are looked up: that is a program."""
        if scope:
            self._refuse()
        self._reading = True
        try:
            return ast.literal_eval(text)
        finally:
            self._reading = False

    def _refuse(self) -> None:
        self.stopped = True
        raise _RunsText

    def __enter__(self) -> _Guard:
        self.stopped, self._at_work = False, True
        builtins.eval = self._literal  # type: ignore[assignment]
        return self

    def __exit__(self, *_: object) -> None:
        self._at_work = False
        builtins.eval = self._eval


def load() -> Answer:
    """The scoring of one problem set."""
    import reasoning_gym

    recipe = json.loads(sys.argv[1])
    made = reasoning_gym.create_dataset(recipe["task"], seed=recipe["seed"], size=recipe["size"], **recipe["settings"])
    made.score_answer(made[0]["answer"], made[0])  # what it imports is loaded now
    guard = _Guard()
    usable = _usable(made, guard)

    def answer(request: Request) -> dict[str, Any]:
        entry = made[request["number"]]
        if str(entry["question"]).strip() != request["question"]:
            return {"failed": "reasoning-gym makes another problem than it did; is it of another version?"}
        if not usable:
            return {"unusable": True}
        try:
            return {"score": max(_score(made, guard, text, entry) for text in request["answers"])}
        except _RunsText:
            return {"failed": "the task's scorer would run the answer as a program"}

    return answer


def _usable(made: Any, guard: _Guard) -> bool:
    """Whether the scorer takes the task's own answer without running text."""
    try:
        return _score(made, guard, made[0]["answer"], made[0]) == 1.0
    except _RunsText:
        return False


def _score(task: Any, guard: _Guard, answer: str, entry: dict[str, Any]) -> float:
    """What the task's scorer gives an answer, in [0, 1]; one that it cannot read gets nothing."""
    with guard:
        try:
            score = float(task.score_answer(answer, entry))
        except (MemoryError, RecursionError):
            raise
        except Exception:
            score = 0.0
    if guard.stopped:  # whatever the scorer made of it
        raise _RunsText
    return min(max(score, 0.0), 1.0) if math.isfinite(score) else 0.0


if __name__ == "__main__":
    work(load)
