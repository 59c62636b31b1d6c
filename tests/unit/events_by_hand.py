"""A search of one problem by three teachers whose every number can be checked by a person, as events.

::

    wave 1   0 a, 1 b: "x" (one candidate, 0)         2 c: "y"
    wave 2   3 a: "z", the end        6 a: "w"         7 b: "v"
             4 b: nothing             8 c: "u", no score
             5 c: absent

Kept are 0 and 2, then 3 and 6; the trace is "x" by a and b, "z" by a.
"""

from __future__ import annotations

from cordspec.domain.events import (
    Absent,
    Committed,
    Dropped,
    Event,
    Expanded,
    Finished,
    Formed,
    Proposed,
    Scored,
    Tied,
)
from cordspec.domain.inference import Call
from cordspec.domain.trajectory import EMPTY, Step, Trajectory


def after(prefix: Trajectory, text: str, *, finished: bool = False) -> Trajectory:
    return prefix.extend((Step(text, (), 0),), finished=finished)


def call(model: str, prompt: int, prefilled: int, generated: int = 0, scored: int = 0) -> Call:
    return Call("prover" if scored else "teacher", model, prompt, prefilled, generated, scored, 0.5)


X, Y = after(EMPTY, "x"), after(EMPTY, "y")
Z, W, V, U = after(X, "z", finished=True), after(Y, "w"), after(Y, "v"), after(Y, "u")


def asked(problem: str, wave: int, number: int, teacher: str, prefix: Trajectory) -> Expanded:
    return Expanded(problem, wave, number, prefix.key, len(prefix.steps), teacher, 0, "step")


def said(
    problem: str, wave: int, number: int, teacher: str, step: str, length: int, generated: int, prompt: int = 100,
    prefilled: int = 100, *, closes: bool = False,
) -> Proposed:  # fmt: skip
    steps, lengths = ((step,), (length,)) if step else ((), ())
    violations = () if step else ("empty step",)
    calls = (call(teacher, prompt, prefilled, generated),)
    return Proposed(problem, wave, number, teacher, steps, lengths, closes, False, generated, violations, calls)


def formed(
    problem: str, wave: int, numbers: tuple[int, ...], made: Trajectory, parent: Trajectory, authors: str, tokens: int
) -> Formed:
    return Formed(
        problem, wave, numbers[0], made.key, parent.key, numbers, tuple(authors), len(made.steps), tokens,
        made.finished, False, made is Z,
    )  # fmt: skip


def scored(problem: str, wave: int, number: int, value: float | None, logs: tuple[float, ...], prompt: int) -> Scored:
    calls = (call("m", prompt, prompt, scored=2),)
    return Scored(problem, wave, number, value, sum(logs) if value else None, logs, None, calls)


def by_hand(problem: str = "p") -> list[Event]:
    """The events of the search above."""
    return [
        asked(problem, 1, 0, "a", EMPTY), said(problem, 1, 0, "a", "x", 5, 7),
        asked(problem, 1, 1, "b", EMPTY), said(problem, 1, 1, "b", "x", 4, 6),
        asked(problem, 1, 2, "c", EMPTY), said(problem, 1, 2, "c", "y", 3, 3),
        formed(problem, 1, (0, 1), X, EMPTY, "ab", 5), scored(problem, 1, 0, 0.9048374180359595, (-0.1, -0.1), 20),
        formed(problem, 1, (2,), Y, EMPTY, "c", 3), scored(problem, 1, 2, 0.8187307530779818, (-0.2, -0.2), 18),
        Committed(problem, 1, (0, 2), None),
        asked(problem, 2, 3, "a", X), said(problem, 2, 3, "a", "z", 4, 5, 108, 108, closes=True),
        asked(problem, 2, 4, "b", X), said(problem, 2, 4, "b", "", 0, 9, 104, 4),
        asked(problem, 2, 5, "c", X), Absent(problem, 2, 5, "c", "no line"),
        asked(problem, 2, 6, "a", Y), said(problem, 2, 6, "a", "w", 6, 4, 103, 50),
        asked(problem, 2, 7, "b", Y), said(problem, 2, 7, "b", "v", 2, 2),
        asked(problem, 2, 8, "c", Y), said(problem, 2, 8, "c", "u", 1, 1),
        formed(problem, 2, (3,), Z, X, "a", 4), scored(problem, 2, 3, 0.995, (-0.005, -0.005), 24),
        formed(problem, 2, (6,), W, Y, "a", 6), scored(problem, 2, 6, 0.8187307530779818, (-0.2, -0.2), 26),
        formed(problem, 2, (7,), V, Y, "b", 2), scored(problem, 2, 7, 0.8179124320, (-0.2010, -0.2010), 22),
        formed(problem, 2, (8,), U, Y, "c", 1), Scored(problem, 2, 8, None, None, (), None, ()),
        Tied(problem, 2, 3, 6, "fewer tokens"),
        Committed(problem, 2, (3, 6), None),
        Dropped(problem, 2, 7), Dropped(problem, 2, 8),
        Finished(problem, 2, 3, Z.key, "a", False, "2", (call("a", 115, 115, 11),)),
    ]  # fmt: skip
