"""Searches played by a script instead of models: what a teacher would say depends on what it is asked alone."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from cordspec.plugin import Decision, Expansion, Score, ScoredCandidate, SearchMachine, Step, Trajectory

Script = Callable[[Expansion], "ScoredCandidate | None"]


def told(expansion: Expansion, steps: Sequence[str], value: float | None, *, finished: bool) -> ScoredCandidate:
    """The candidate of an expansion to which a teacher answered with these steps."""
    new = tuple(Step(step, (f"t{expansion.teacher}",), 1) for step in steps)
    score = None if value is None else Score.of(value)
    trajectory = expansion.prefix.extend(new, finished=finished)
    return ScoredCandidate((expansion.number,), expansion.teacher, trajectory, score)


def drawn(seed: int, depth: int = 4) -> Script:
    """Random steps and scores, seeded by what is asked: one step, or all up to the end."""

    def say(expansion: Expansion) -> ScoredCandidate | None:
        rng = random.Random(f"{seed}:{expansion.prefix.key}:{expansion.teacher}:{expansion.index}:{expansion.extent}")
        if rng.random() < 0.05:
            return None
        value = None if rng.random() < 0.1 else rng.random()
        here = len(expansion.prefix.steps)
        if expansion.extent == "step":
            return told(expansion, [f"\n{rng.randrange(3)}"], value, finished=here + 1 >= depth or rng.random() < 0.2)
        steps = [f"\n{rng.randrange(3)}" for _ in range(rng.randint(1, max(1, depth - here)))]
        return told(expansion, steps, value, finished=True)

    return say


def play(machine: SearchMachine, say: Script, shuffle: int | None = None) -> list[Decision]:
    """A whole search; ``shuffle`` is a seed for the order of arrival. Equal texts are one candidate, as the driver makes them."""
    history: list[Decision] = []
    while expansions := machine.ask():
        said = [answer for answer in map(say, expansions) if answer is not None]
        answers = list({answer.trajectory.key: answer for answer in reversed(said)}.values())[::-1]
        if shuffle is not None:
            random.Random(shuffle).shuffle(answers)
        history.append(machine.tell(answers, len(answers)))
        assert len(history) < 2_000
    return history


def shown(trajectory: Trajectory) -> str:
    """A trajectory in a golden file: its steps, and a point where it is finished."""
    return (trajectory.thinking.replace("\n", " ").strip() or "(nothing)") + ("." if trajectory.finished else "")
